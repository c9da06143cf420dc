/**
 * What runs the model: `onnxruntime-node`, where the user has installed it, else the WebAssembly of
 * `onnxruntime-web`. `AGENTIC_FLOW_ONNX` forces one.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { InferenceSession, Tensor } from 'onnxruntime-web';

import { MemoryError } from '../errors.js';

const RUNTIMES = ['node', 'web'] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

export const RUNTIME_VARIABLE = 'AGENTIC_FLOW_ONNX';

const NATIVE_PACKAGE = 'onnxruntime-node';

/** The part of both packages that is used here. */
interface Library {
  readonly InferenceSession: typeof InferenceSession;
  readonly Tensor: typeof Tensor;
}

/** A loaded model with what it takes to make its inputs. */
export interface LoadedModel {
  readonly runtime: RuntimeName;
  readonly session: InferenceSession;
  readonly Tensor: typeof Tensor;
  /** Why the faster runtime is not in use although it is installed; one line for the user. */
  readonly notice?: string;
}

/**
 * The runtime that the environment asks for, none if it leaves the choice.
 *
 * @throws MemoryError `invalid` for a name that is none.
 */
export function forcedRuntime(environment: NodeJS.ProcessEnv): RuntimeName | undefined {
  const forced = environment[RUNTIME_VARIABLE] ?? '';
  if (forced === '') return undefined;
  const known = RUNTIMES.find((name) => name === forced);
  if (known !== undefined) return known;
  throw new MemoryError(
    'invalid',
    `${RUNTIME_VARIABLE} is ${JSON.stringify(forced)}; it may be ${RUNTIMES.join(', ')} or unset`,
  );
}

/**
 * Hands a model to the runtime that is forced, else to the best that works.
 *
 * @throws MemoryError `embedder` if the native runtime is forced and is missing or does not work.
 */
export async function loadModel(
  model: Uint8Array,
  threads: number,
  forced: RuntimeName | undefined,
): Promise<LoadedModel> {
  if (forced === 'web') return loadWeb(model, threads);
  const path = findNative();
  if (path === undefined) {
    if (forced === undefined) return loadWeb(model, threads);
    throw new MemoryError(
      'embedder',
      `${RUNTIME_VARIABLE} asks for ${NATIVE_PACKAGE}, which is not installed; ` +
        `install it beside agentic-flow or unset the variable`,
    );
  }
  try {
    return await loadNative(path, model, threads);
  } catch (error) {
    const [line] = (error instanceof Error ? error.message : String(error)).split('\n');
    const problem = `${NATIVE_PACKAGE} is installed but does not work (${line})`;
    if (forced !== undefined) {
      const advice = `install it again or unset ${RUNTIME_VARIABLE}`;
      throw new MemoryError('embedder', `${problem}; ${advice}`, path, error);
    }
    const notice = `${problem}; ${RUNTIME_VARIABLE}=web or another installation ends this warning`;
    return { ...(await loadWeb(model, threads)), notice };
  }
}

/** Where the project of the user, or else this package, has it. */
function findNative(): string | undefined {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      return createRequire(from).resolve(NATIVE_PACKAGE);
    } catch {
      // Not there; the next place may have it.
    }
  }
  return undefined;
}

async function loadNative(path: string, model: Uint8Array, threads: number): Promise<LoadedModel> {
  const loaded = (await import(pathToFileURL(path).href)) as Library & { default?: Library };
  const { InferenceSession, Tensor } = loaded.default ?? loaded;
  const session = await InferenceSession.create(model, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'basic',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Errors only: warnings would go to the standard error output of the user's program.
    logSeverityLevel: 3,
  });
  return { runtime: 'node', session, Tensor };
}

async function loadWeb(model: Uint8Array, threads: number): Promise<LoadedModel> {
  const { env, InferenceSession, Tensor } = await import('onnxruntime-web');
  env.wasm.numThreads = threads;
  env.logLevel = 'error';
  const session = await InferenceSession.create(model, {
    executionProviders: ['wasm'],
    // The passes beyond this one find little here and cost start-up time.
    graphOptimizationLevel: 'basic',
  });
  return { runtime: 'web', session, Tensor };
}
