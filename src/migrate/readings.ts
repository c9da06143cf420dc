/** Stores of v1 while they are read, from throwaway copies. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { analyse, openReading, type V1Reading, type V1Store } from '../v1/index.js';
import type { ReportBuilder } from './report-builder.js';

/** The copies lie in `folder`. */
export async function withReadings<T>(
  stores: readonly V1Store[],
  folder: string,
  use: (readings: readonly V1Reading[]) => Promise<T>,
): Promise<T> {
  const readings: V1Reading[] = [];
  try {
    for (const store of stores) readings.push(await openReading(store, folder));
    return await use(readings);
  } finally {
    for (const reading of readings) reading.close();
  }
}

/** What is fake, poisoned or broken in the rows, and what of them cannot be read, goes to the report. */
export async function lookThrough(
  readings: readonly V1Reading[],
  report: ReportBuilder,
  signal: AbortSignal | undefined,
): Promise<void> {
  report.noticed(await analyse(readings, signal === undefined ? {} : { signal }));
  report.unreadable(
    readings.flatMap((reading) =>
      reading.lost().map((lost) => ({ ...lost, store: reading.store.name })),
    ),
  );
}

/** With a folder that is removed afterwards. */
export async function inScratch<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
