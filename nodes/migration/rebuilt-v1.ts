/** A v1 store that is missing or behind, built anew from the v2 store that answers or is fed. */
import { openV1Engine } from '../../src/memory/index.js';
import type { V1Engine } from '../../src/memory/index.js';
import type { DumpRecord, MemoryCounts } from '../../src/memory/engine.js';
import { restoreAll } from '../restoring.js';
import { follow } from './follow.js';
import type { FollowContext } from './follow.js';

export interface RebuildContext extends FollowContext {
  readonly v1Store: string;
  /** Rows that are in the file, of so many. */
  readonly onProgress: (progress: { readonly done: number; readonly total: number }) => void;
}

/**
 * The rows of a v2 store are those that the v1 store held, with what was written since in v1's form. They
 * replace the file's in one transaction, so a crash leaves it as it was. The log must be pinned.
 */
export async function rebuildV1(context: RebuildContext): Promise<number> {
  context.signal.throwIfAborted();
  const engine = openV1Engine(context.v1Store, { create: true });
  try {
    await fill(engine, context);
  } catch (error) {
    engine.close();
    throw error;
  }
  return follow(engine, context);
}

async function fill(
  engine: V1Engine,
  { engines, signal, onProgress }: RebuildContext,
): Promise<void> {
  const source = engines.active('v2');
  const total = rowsOf(source.counts());
  const dump = source.dump();
  try {
    const records = counted(dump.records(), (done) =>
      onProgress({ done: Math.min(done, total), total }),
    );
    await restoreAll([engine], records, dump.appliedIndex, signal);
  } finally {
    dump.close();
  }
}

function* counted(
  records: Iterable<DumpRecord>,
  tell: (done: number) => void,
): Generator<DumpRecord, void> {
  let done = 0;
  for (const record of records) {
    done += 1;
    if (done % PROGRESS_RECORDS === 0) tell(done);
    yield record;
  }
}

const PROGRESS_RECORDS = 256;

/** Embeddings are a row each. */
function rowsOf(counts: MemoryCounts): number {
  const { memories, links, trajectories, entries, otherRows, quarantined } = counts;
  return 2 * memories + links + trajectories + entries + otherRows + quarantined;
}
