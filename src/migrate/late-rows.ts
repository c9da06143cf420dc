/** Carries what v1 has written since its stores were read. */
import { databaseHash, discoverInstallation, type V1Store } from '../v1/index.js';
import { addLateRows, type DataReport, type LateOptions } from './data/index.js';
import { LATE_PASSES_MAX } from './limits.js';
import { withReadings } from './readings.js';

export interface LateRowsOptions extends Omit<LateOptions, 'readings'> {
  readonly directory: string;
  readonly home: string;
  readonly env?: NodeJS.ProcessEnv | undefined;
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
    report = await withReadings(changed, options.work, (readings) =>
      addLateRows({ ...options, readings }),
    );
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
