/** Compares what a store of v1 holds now with an archive. */
import { openReading, type V1Store } from '../v1/index.js';
import { type Archive, hashOfRow } from './data/index.js';

export interface MissingRows {
  readonly rows: number;
  /** Of these, rows that the archive lacks or has otherwise. */
  readonly missing: number;
}

/** Reads a throwaway copy of the store in `work`. */
export async function countMissing(
  store: V1Store,
  archive: Archive,
  work: string,
  signal: AbortSignal | undefined,
): Promise<MissingRows> {
  const reading = await openReading(store, work);
  let rows = 0;
  let missing = 0;
  try {
    for (const table of reading.tables) {
      for (const { key, row } of reading.rows(table)) {
        signal?.throwIfAborted();
        rows += 1;
        const held = archive.get({ store: store.name, table, key });
        if (held?.hash !== hashOfRow({ table, key, row })) missing += 1;
      }
    }
  } finally {
    reading.close();
  }
  return { rows, missing };
}
