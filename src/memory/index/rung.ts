/**
 * Which build of the kernel is in use: the addon where it was built, else WebAssembly, else plain
 * JavaScript. `AGENTIC_FLOW_SIMD` forces one.
 */
import { MemoryError } from '../errors.js';
import { JavaScriptKernel } from './javascript/kernel.js';
import { checked, FAILURE, type Kernel, type KernelSettings } from './kernel.js';
import { loadAddon, NativeKernel } from './native-kernel.js';
import { compileWasm, WasmKernel } from './wasm-kernel.js';

const RUNGS = ['native', 'wasm', 'js'] as const;
export type Rung = (typeof RUNGS)[number];

export const RUNG_VARIABLE = 'AGENTIC_FLOW_SIMD';

/** The rung in use and the instructions that it was built for. */
export interface Simd {
  readonly rung: Rung;
  /** `avx512-vnni`, `avx2`, `neon` or `scalar` of the addon, `simd128` of WebAssembly, or `none`. */
  readonly instructions: string;
  /** Why each rung before it is not in use. */
  readonly missing: readonly { readonly rung: Rung; readonly reason: string }[];
}

type Create = (settings: KernelSettings) => Kernel | undefined;

interface Loaded {
  readonly instructions: string;
  readonly create: Create;
}

const LOADERS: Readonly<Record<Rung, () => Loaded>> = {
  native: () => {
    const addon = loadAddon();
    const create: Create = (settings) => NativeKernel.create(addon, settings);
    return { instructions: addon.instructions(), create };
  },
  wasm: () => {
    const module = compileWasm();
    return { instructions: 'simd128', create: (settings) => WasmKernel.create(module, settings) };
  },
  js: () => ({ instructions: 'none', create: (settings) => new JavaScriptKernel(settings) }),
};

/** A rung is loaded once; a failure is remembered too. */
const loaded = new Map<Rung, Loaded | { readonly reason: string }>();

function load(rung: Rung): Loaded | { readonly reason: string } {
  let result = loaded.get(rung);
  if (result === undefined) {
    try {
      result = LOADERS[rung]();
    } catch (error) {
      const [line] = (error instanceof Error ? error.message : String(error)).split('\n');
      result = { reason: line ?? 'unknown' };
    }
    loaded.set(rung, result);
  }
  return result;
}

function choose(): { readonly simd: Simd; readonly create: Create } {
  const forced = process.env[RUNG_VARIABLE] ?? '';
  if (forced !== '' && !(RUNGS as readonly string[]).includes(forced)) {
    throw new MemoryError(
      'invalid',
      `${RUNG_VARIABLE} is ${JSON.stringify(forced)}; it may be ${RUNGS.join(', ')} or unset`,
    );
  }
  const missing: { rung: Rung; reason: string }[] = [];
  for (const rung of forced === '' ? RUNGS : [forced as Rung]) {
    const result = load(rung);
    if ('create' in result) {
      const { instructions, create } = result;
      return { simd: { rung, instructions, missing }, create };
    }
    missing.push({ rung, reason: result.reason });
  }
  const reason = missing.map((one) => one.reason).join('; ');
  throw new MemoryError(
    'invalid',
    `${RUNG_VARIABLE} asks for ${forced}, which cannot be loaded (${reason}); ` +
      `unset it, or run npm rebuild agentic-flow where there is a C++ compiler`,
  );
}

/** The rung in use. Throws `invalid` where the environment asks for one that is not there. */
export function detectSimd(): Simd {
  return choose().simd;
}

/** A new kernel of the rung in use. Throws `invalid` for a rung that is not there and without memory. */
export function createKernel(settings: KernelSettings): Kernel {
  const kernel = choose().create(settings);
  if (kernel === undefined) {
    checked(FAILURE.noMemory);
    throw new Error('a failure throws');
  }
  return kernel;
}
