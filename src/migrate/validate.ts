/** Compares v1 with what was migrated of it, and changes neither. */
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Embedder } from '../memory/index.js';
import { analyse as analyseRows, openReading, type V1Store } from '../v1/index.js';
import { type Analysis, analyseIfAny } from './analysis.js';
import { readBackup, verifyBackup } from './backup/index.js';
import { type Archive, openArchive, planData } from './data/index.js';
import { MigrationError } from './errors.js';
import { realDirectory, v2Files } from './files.js';
import { type Manifest, readManifest } from './manifest.js';
import type { MigrationProgress } from './migrate.js';
import { countMissing } from './missing-rows.js';
import type { MigrationReport } from './report.js';
import { ReportBuilder } from './report-builder.js';
import { readState } from './state.js';
import { validateUse } from './validation/index.js';

export interface ValidateOptions {
  readonly directory: string;
  readonly home?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly embedder: Embedder;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
}

/**
 * Of a migrated directory: whether every row that v1 has now is in the archive, the backup has its bytes,
 * and searches find what is there. Of another one: whether all of it can be read, and what would go to
 * quarantine. Nothing is changed; an open store has its lock and log beside it.
 */
export async function validateDirectory(options: ValidateOptions): Promise<MigrationReport> {
  const directory = realDirectory(options.directory);
  const report = new ReportBuilder(directory, options.onProgress, options.signal);
  const work = mkdtempSync(join(tmpdir(), 'agentic-flow-'));
  try {
    const manifest = readManifest(directory);
    const isUnfinished = manifest === undefined && readState(directory) !== undefined;
    const home = realDirectory(options.home ?? manifest?.home ?? homedir());
    const analysis = await report.phase('analysis', async () => {
      const { env, signal } = options;
      const value = await analyseIfAny({ directory, home, env, signal });
      if (value !== undefined) report.analysed(value);
      return { value, detail: `${value?.usable.length ?? 0} stores` };
    });
    if (isUnfinished) {
      throw new MigrationError(
        'invalid',
        `the migration of ${directory} was begun and stopped; run it again to go on, or with --rollback to go back`,
        directory,
      );
    }
    if (analysis === undefined) return report.end('nothing-to-migrate', 3);
    if (manifest === undefined) return await validateSource(options, analysis, work, report);
    return await validateResult(options, manifest, analysis, work, report);
  } catch (error) {
    return report.fail(error);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function validateSource(
  { embedder, signal, onProgress }: ValidateOptions,
  { usable }: Analysis,
  work: string,
  report: ReportBuilder,
): Promise<MigrationReport> {
  await report.phase('data', async () => {
    const readings = [];
    try {
      for (const store of usable) readings.push(await openReading(store, work));
      const data = await planData({
        readings,
        work,
        embedder,
        signal,
        onProgress: ({ done, total }) => onProgress?.({ phase: 'data', done, total }),
      });
      report.read(data);
      report.noticed(await analyseRows(readings, signal === undefined ? {} : { signal }));
      report.unreadable(
        readings.flatMap((reading) =>
          reading.lost().map((lost) => ({ ...lost, store: reading.store.name })),
        ),
      );
      return { value: undefined, detail: `${data.records} memories, ${data.edges} edges` };
    } finally {
      for (const reading of readings) reading.close();
    }
  });
  return report.end('validated', report.exitCode());
}

async function validateResult(
  { directory, embedder, signal, onProgress }: ValidateOptions,
  manifest: Manifest,
  { usable }: Analysis,
  work: string,
  report: ReportBuilder,
): Promise<MigrationReport> {
  const files = v2Files(realDirectory(directory));
  report.finished(files);
  report.backedUp(manifest.backup);
  await report.phase('backup', async () => {
    const backup = readBackup(manifest.backup);
    await verifyBackup(backup, signal === undefined ? {} : { signal });
    return { value: undefined, detail: `${backup.entries.length} entries as they were written` };
  });
  const archive = openArchive(files.archive);
  try {
    await report.phase('data', async () => {
      let rows = 0;
      for (const [i, store] of usable.entries()) {
        rows += await requireArchived(store, archive, work, signal);
        onProgress?.({ phase: 'data', done: i + 1, total: usable.length });
      }
      return { value: undefined, detail: `${rows} rows of v1 are in the archive` };
    });
    report.refused(archive);
  } finally {
    archive.close();
  }
  await report.phase('validation', async () => {
    const { searches, replay } = await validateUse(files, embedder, signal);
    report.searched(searches, replay);
    const percent = (searches.recall * 100).toFixed(1);
    return { value: undefined, detail: `${searches.queries} searches, recall ${percent} %` };
  });
  return report.end('validated', report.exitCode());
}

/** Every row that the store of v1 has now. Throws `differs`. */
async function requireArchived(
  store: V1Store,
  archive: Archive,
  work: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { rows, missing } = await countMissing(store, archive, work, signal);
  if (missing === 0) return rows;
  throw new MigrationError(
    'differs',
    `${missing} of ${rows} rows of ${store.path} are not migrated as they are now; v1 has written since: ` +
      'run "agentic-flow migrate v2" again to carry them',
    store.path,
  );
}
