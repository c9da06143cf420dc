/** Gives back what a store's file holds of pages that hold nothing, while the store serves. */
import type { Database } from '../database.js';
import { BUSY_TIMEOUT_MS } from '../limits.js';
import { COMPACT_SLICE_MAX_MS, COMPACT_SLICE_PAGES } from './limits.js';
import type { CallContext } from './thread-messages.js';
import { nextTurn } from '../pace.js';

/** Bytes of the database file and its log. */
export interface Compaction {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** `PRAGMA auto_vacuum` of a file of which pages can be given back in steps. */
const INCREMENTAL = 2;

/**
 * In slices, between which the thread does other work. A file that was not made by a store is written
 * anew once, in one piece, and can be given back in steps from then on.
 */
export async function compactInSlices(
  database: Database,
  bytesOnDisk: () => number,
  { signal, progress }: CallContext,
): Promise<Compaction> {
  const bytesBefore = bytesOnDisk();
  if (database.number('PRAGMA auto_vacuum') !== INCREMENTAL) {
    database.exec('PRAGMA auto_vacuum = INCREMENTAL; VACUUM');
  }
  const total = database.number('PRAGMA freelist_count');
  let pages = COMPACT_SLICE_PAGES;
  for (let left = total; left > 0;) {
    signal.throwIfAborted();
    const startedMs = performance.now();
    database.exec(`PRAGMA incremental_vacuum(${pages})`);
    const tookMs = performance.now() - startedMs;
    pages = Math.max(1, Math.round(pages * Math.min(2, COMPACT_SLICE_MAX_MS / tookMs)));
    const now = database.number('PRAGMA freelist_count');
    // Writes may free more; without progress there is nothing to give back.
    if (now >= left) break;
    left = now;
    progress(total - left, total);
    await nextTurn();
  }
  // An export or a backup may read the log at this moment: then it is emptied another time.
  database.exec('PRAGMA busy_timeout = 0');
  database.checkpoint('TRUNCATE');
  database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  return { bytesBefore, bytesAfter: bytesOnDisk() };
}
