/**
 * Brings a v2 store up beside the v1 store that serves, until both hold the same at the same index.
 * Every part can be repeated: after a crash it finds what is there and does what is missing.
 */
import { openV2Engine, stageV2, validateStores } from '../../src/memory/index.js';
import type { StageProgress, ValidationReport } from '../../src/memory/index.js';
import type { Embedder } from '../../src/memory/engine.js';
import { assert } from '../assert.js';
import type { Engines } from '../engines.js';
import { openIfCurrent } from '../open-store.js';
import { follow } from './follow.js';
import type { FollowContext } from './follow.js';
import type { V2Files } from './v2-files.js';

export interface StagingContext {
  readonly engines: Engines;
  readonly replica: FollowContext['replica'];
  readonly embedder: Embedder;
  readonly files: V2Files;
  readonly fetchVectors: (textHashes: string[]) => Promise<(Float32Array | undefined)[]>;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: StageProgress) => void;
}

const SAMPLE_QUERIES = 8;

/** Builds the v2 store from a consistent snapshot, unless one is there that can still catch up. */
export async function ensureStaged(context: StagingContext): Promise<void> {
  const { engines, replica, embedder, files, fetchVectors, signal, onProgress } = context;
  if (engines.engine('v2') !== undefined) return;
  await files.atRest();
  const reachable = replica.replayableFrom - 1;
  const current = openIfCurrent(files.current(), reachable, openV2Engine);
  if (current !== undefined) {
    current.close();
    return;
  }
  await files.discard(() => signal.aborted);
  signal.throwIfAborted();
  const source = engines.active('v1');
  await stageV2({
    source,
    path: files.next(),
    embedder,
    fetchVectors,
    madeVectors: files.madeVectors,
    signal,
    onProgress,
  });
}

/**
 * Replays the log into the staged store, then adds it to the engines: from that index on it gets
 * every command in the same turn as the v1 engine does.
 */
export async function catchUp(context: StagingContext): Promise<number> {
  const { engines, files } = context;
  const open = engines.engine('v2');
  if (open !== undefined) return open.appliedIndex;
  const path = files.current();
  assert(path !== undefined, 'a store catches up after it was staged');
  return follow(openV2Engine(path), context);
}

/** Compares the two stores at one index: counts, every row, and what searches find. */
export async function validate(context: StagingContext): Promise<ValidationReport> {
  const { engines, embedder, signal } = context;
  return validateStores(engines.active('v1'), engines.active('v2'), {
    sampleQueries: SAMPLE_QUERIES,
    embedder,
    signal,
  });
}
