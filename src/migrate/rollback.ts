/** Back to v1, with a report like that of a migration. */
import { existsSync, rmSync } from 'node:fs';

import { StoreLock } from '../memory/store/lock.js';
import { rollBack } from './backup/index.js';
import { exportSince } from './data/index.js';
import { readManifest, realDirectory, v2Files } from './manifest.js';
import type { MigrationProgress } from './migrate.js';
import type { MigrationReport } from './report.js';
import { ReportBuilder } from './report-builder.js';
import { readState } from './state.js';

export interface RollbackDirectoryOptions {
  readonly directory: string;
  /** Folder of the backup; that of the migration when left out. */
  readonly backup?: string | undefined;
  readonly keepBackup: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
}

/**
 * Gives the v1 tree back, byte for byte, also after a migration that was killed. What was written to v2 since
 * is exported first, to a file beside the directory. Does not throw for what an operator can cause.
 */
export async function rollBackDirectory(
  options: RollbackDirectoryOptions,
): Promise<MigrationReport> {
  const directory = realDirectory(options.directory);
  const report = new ReportBuilder(directory, options.onProgress, options.signal);
  try {
    await report.phase('rollback', () => restore(directory, options, report));
    return report.end('rolled-back', 0);
  } catch (error) {
    return report.end('failed', 1, error instanceof Error ? error.message : String(error));
  }
}

async function restore(
  directory: string,
  { backup: given, keepBackup, signal, onProgress }: RollbackDirectoryOptions,
  report: ReportBuilder,
) {
  const { store, archive } = v2Files(directory);
  const done = readManifest(directory) ?? readState(directory);
  const backup = given ?? done?.backup;
  const held = existsSync(store) ? StoreLock.take(store) : undefined;
  try {
    const result = await rollBack({
      directory,
      keepBackup,
      ...(backup === undefined ? {} : { backup }),
      ...(done === undefined ? {} : { home: done.home, own: done.changed, added: done.added }),
      ...(signal === undefined ? {} : { signal }),
      exportSince: async (to) => {
        // A migration that was killed has nothing that users could have written to.
        return existsSync(store) && existsSync(archive) ? exportSince({ store, archive, to }) : 0;
      },
      onProgress: ({ done: count, total }) =>
        onProgress?.({ phase: 'rollback', done: count, total }),
    });
    if (result.keptBackup) report.backedUp(result.backup);
    report.exported(result.exported?.path, result.exported?.records ?? 0);
    const aside = result.setAside.length;
    const kept = aside === 0 ? '' : `, ${aside} files that v1 changed since are in ${result.since}`;
    return { value: undefined, detail: `${result.restored.length} files given back${kept}` };
  } finally {
    held?.release();
    if (held !== undefined) rmSync(`${store}-lock`, { force: true });
  }
}
