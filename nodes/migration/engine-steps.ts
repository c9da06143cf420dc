/** The steps by which a node comes from the v1 engine to the v2 engine. Each can be repeated. */
import type { Embedder, JsonObject } from '../../src/memory/engine.js';
import type { StageProgress } from '../../src/memory/index.js';
import type { Engines } from '../engines.js';
import { NodeError } from '../errors.js';
import type { Replica } from '../replica/replica.js';
import type { RolloutStep } from '../rollout/state.js';
import { requireRoomFor } from './disk-space.js';
import { catchUp, ensureStaged, validate } from './staged-store.js';
import type { StagingContext } from './staged-store.js';
import type { V2Files } from './v2-files.js';

export interface EngineStepsPorts {
  readonly replica: Replica;
  readonly engines: Engines;
  readonly embedder: Embedder;
  readonly v1Store: string;
  readonly v2Files: V2Files;
  fetchVectors(textHashes: string[]): Promise<(Float32Array | undefined)[]>;
}

/** Does one step; returns what `rollout status` tells of it. `tell` gets how far it is. */
export async function carryOutEngineStep(
  step: RolloutStep,
  ports: EngineStepsPorts,
  signal: AbortSignal,
  tell: (progress: string) => void,
): Promise<JsonObject> {
  const { replica, engines, v1Store, v2Files } = ports;
  const context = contextOf(ports, signal, tell);
  switch (step) {
    case 'snapshot': {
      const bytes = await requireRoomFor(v1Store, v2Files.directory);
      engines.sync();
      return { appliedIndex: replica.appliedIndex, bytes };
    }
    case 'stage':
      await ensureStaged(context);
      return { appliedIndex: replica.appliedIndex };
    case 'catchUp':
      return { appliedIndex: await bringUp(context) };
    case 'validate': {
      await bringUp(context);
      const report = await validate(context);
      if (!report.ok) {
        throw new NodeError('refused', `the stores differ: ${report.mismatches.join('; ')}`);
      }
      return { ...engines.active('v2').counts() };
    }
    case 'switch':
      // After a crash the staged store may have to be brought up again before it may answer.
      await bringUp(context);
      engines.active('v2').sync();
      return { appliedIndex: replica.appliedIndex };
    default:
      throw new NodeError('refused', `an engine has nothing to do in step ${step}`);
  }
}

/**
 * Before the version is raised both stores are open and on the disk: from then on v1 takes over at any
 * index until the window is closed. Throws `stopped` while one of them is still being built.
 */
export function requireBothStores(engines: Engines): void {
  for (const version of ['v1', 'v2'] as const) {
    if (engines.engine(version) !== undefined) continue;
    throw new NodeError('stopped', `the ${version} store of this node is not open yet`);
  }
  engines.sync();
}

async function bringUp(context: StagingContext): Promise<number> {
  await ensureStaged(context);
  return catchUp(context);
}

function contextOf(
  { engines, replica, embedder, v2Files: files, fetchVectors }: EngineStepsPorts,
  signal: AbortSignal,
  tell: (progress: string) => void,
): StagingContext {
  const onProgress = ({ phase, done, total }: StageProgress): void => {
    tell(`${phase === 'copy' ? 'rows' : 'vectors'} ${done} of ${total}`);
  };
  return { engines, replica, embedder, files, fetchVectors, signal, onProgress };
}
