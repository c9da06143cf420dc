/** Carries what v1 has written since its stores were read. */
import type { Embedder } from '../memory/index.js';
import {
  databaseHash,
  discoverInstallation,
  openReading,
  type V1Reading,
  type V1Store,
} from '../v1/index.js';
import { addLateRows, type DataReport } from './data/index.js';
import { LATE_PASSES_MAX } from './limits.js';

export interface LateRowsOptions {
  readonly directory: string;
  readonly home: string;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly store: string;
  readonly archive: string;
  readonly work: string;
  /** Side by side: what v2 writes is in v1 as well. */
  readonly isMirrored: boolean;
  readonly embedder: Embedder;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Hash of each store as it was read last, by name. */
  readonly sources: Readonly<Record<string, string>>;
}

export interface LateRows {
  readonly added: number;
  readonly sources: Readonly<Record<string, string>>;
  /** Of the last pass that found something. */
  readonly report: DataReport | undefined;
  /** V1 was still writing after the last pass. */
  readonly isStillWriting: boolean;
}

/** Repeats until v1 has written nothing since, a few times at most. */
export async function carryLateRows(options: LateRowsOptions): Promise<LateRows> {
  const sources = { ...options.sources };
  let added = 0;
  let report: DataReport | undefined;
  for (let pass = 0; pass < LATE_PASSES_MAX; pass += 1) {
    options.signal?.throwIfAborted();
    const changed = await changedStores(options, sources);
    if (changed.length === 0) return { added, sources, report, isStillWriting: false };
    // Before they are read: what comes in between is seen by the next pass.
    for (const store of changed) sources[store.name] = databaseHash(store.path);
    report = await addRowsOf(changed, options);
    added += report.late;
  }
  const rest = await changedStores(options, sources);
  return { added, sources, report, isStillWriting: rest.length > 0 };
}

/** Stores that are otherwise than they were read last. */
async function changedStores(
  { directory, home, env }: LateRowsOptions,
  sources: Readonly<Record<string, string>>,
): Promise<V1Store[]> {
  const installation = await discoverInstallation(directory, {
    home,
    ...(env === undefined ? {} : { env }),
  });
  return installation.stores.filter(
    ({ state, name, path }) =>
      (state === 'ok' || state === 'damaged') && databaseHash(path) !== sources[name],
  );
}

async function addRowsOf(stores: readonly V1Store[], options: LateRowsOptions) {
  const { work, store, archive, embedder, signal, onProgress, isMirrored } = options;
  const readings: V1Reading[] = [];
  try {
    for (const changed of stores) readings.push(await openReading(changed, work));
    return await addLateRows({
      readings,
      work,
      store,
      archive,
      embedder,
      isMirrored,
      ...(signal === undefined ? {} : { signal }),
      onProgress: ({ done, total }) => onProgress?.(done, total),
    });
  } finally {
    for (const reading of readings) reading.close();
  }
}
