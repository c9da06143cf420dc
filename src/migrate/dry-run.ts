/** What a migration would do, found out in a temporary folder. */
import { databaseHash, type V1Store } from '../v1/index.js';
import type { Analysis } from './analysis.js';
import { planConfig, type PlanConfigOptions } from './config/index.js';
import { openArchive, planData } from './data/index.js';
import { estimateOf } from './estimate.js';
import { v2Files } from './files.js';
import { type Manifest } from './manifest.js';
import { countMissing } from './missing-rows.js';
import { inScratch, lookThrough, withReadings } from './readings.js';
import type { MigrationReport } from './report.js';
import type { ReportBuilder } from './report-builder.js';

type DataOptions = Omit<Parameters<typeof planData>[0], 'readings' | 'work'>;

export interface DryRunOptions extends DataOptions {
  readonly config: Omit<PlanConfigOptions, 'signal'>;
  readonly report: ReportBuilder;
}

/** All of it, but for the embedding and the writing. */
export function planMigration(
  directory: string,
  analysis: Analysis,
  { report, config, ...options }: DryRunOptions,
): Promise<MigrationReport> {
  return inScratch(async (work) => {
    await report.phase('data', async () => {
      const data = await withReadings(analysis.usable, work, async (readings) => {
        const plan = await planData({ ...options, readings, work });
        await lookThrough(readings, report, options.signal);
        return plan;
      });
      report.read(data);
      const estimate = estimateOf(directory, analysis, data);
      report.estimated(estimate);
      return { value: undefined, detail: `${estimate.texts} texts would be embedded` };
    });
    await report.phase('configuration', async () => {
      const plan = await planConfig(analysis.installation, config);
      report.configured(plan);
      return { value: undefined, detail: `${plan.changes.length} files would be written` };
    });
    return report.end('would-migrate', report.exitCode());
  });
}

/** Of a directory that was migrated before: the rows that would be added. */
export function planUpdate(
  directory: string,
  manifest: Manifest,
  { usable }: Analysis,
  { report, config: _config, ...options }: DryRunOptions,
): Promise<MigrationReport> {
  const files = v2Files(directory);
  report.backedUp(manifest.backup);
  report.finished(files);
  return inScratch(async (work) => {
    const changed = usable.filter(
      ({ state, name, path }) => state !== 'empty' && databaseHash(path) !== manifest.sources[name],
    );
    const added = await report.phase('late rows', async () => {
      const value = await countAllMissing(changed, files.archive, work, options.signal);
      return { value, detail: `${value} rows that v1 has written since` };
    });
    if (added === 0) return report.end('already-migrated', 3);
    const plan = await withReadings(changed, work, (readings) =>
      planData({ ...options, readings, work }),
    );
    report.late({ added, report: plan });
    return report.end('would-migrate', report.exitCode());
  });
}

async function countAllMissing(
  stores: readonly V1Store[],
  path: string,
  work: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const archive = openArchive(path);
  try {
    let sum = 0;
    for (const store of stores) sum += (await countMissing(store, archive, work, signal)).missing;
    return sum;
  } finally {
    archive.close();
  }
}
