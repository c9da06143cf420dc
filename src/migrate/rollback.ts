/** Back to v1, with a report like that of a migration. */
import { existsSync, rmSync } from 'node:fs';

import { memoryError } from '../memory/errors.js';
import { bringInLeftPuts } from '../memory/store/left-puts.js';
import { StoreLock } from '../memory/store/lock.js';
import { hashFile } from './backup/copy.js';
import { type Backup, BackupError, findBackups, readBackup, rollBack } from './backup/index.js';
import { readJournal } from './backup/journal.js';
import { exportSince } from './data/index.js';
import { MigrationError } from './errors.js';
import { lockDirectory } from './lock.js';
import { realDirectory, stagedFiles, v2Files } from './files.js';
import { readManifest } from './manifest.js';
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
    await report.phase('rollback', () => restoreAlone(directory, options, report));
    return report.end('rolled-back', 0);
  } catch (error) {
    const isAborted = options.signal?.aborted === true;
    return report.fail(error, isAborted ? '; run the same command again to go on' : '');
  }
}

/** No migration works in the directory meanwhile. Throws `busy`. */
async function restoreAlone(
  directory: string,
  options: RollbackDirectoryOptions,
  report: ReportBuilder,
) {
  const { manifest, work } = v2Files(directory);
  const hadWork = existsSync(work);
  // A folder that no migration made is none to put a lock in.
  const lock = hadWork || existsSync(manifest) ? lockDirectory(directory) : undefined;
  try {
    return await restore(directory, options, report);
  } catch (error) {
    throw ofMovedDirectory(error, directory, options.backup);
  } finally {
    lock?.release();
    if (lock !== undefined && !hadWork) rmSync(work, { recursive: true, force: true });
  }
}

/** A directory has the backup of its own migration, but under the name that it had then. */
function ofMovedDirectory(error: unknown, directory: string, given: string | undefined): unknown {
  const isOther = error instanceof BackupError && error.code === 'other-directory';
  if (!isOther || given !== undefined) return error;
  const { directory: before } = readBackup(error.path);
  return new MigrationError(
    'invalid',
    `${directory} was ${before} when it was migrated, and what its backup holds is of that place; move it back ` +
      'there and try again, nothing was changed',
    directory,
  );
}

async function restore(
  directory: string,
  { backup: given, keepBackup, signal, onProgress }: RollbackDirectoryOptions,
  report: ReportBuilder,
) {
  const { store } = v2Files(directory);
  const done = readManifest(directory) ?? readState(directory);
  const backup = given ?? done?.backup;
  if (backup === undefined) refuseToUndoV1(directory);
  else if (given === undefined && !existsSync(backup)) {
    throw new MigrationError(
      'not-migrated',
      `${backup}, the backup of ${directory}, is gone; name a copy of it after --rollback. Databases of v1 are ` +
        'where they were, a migration does not change them',
      backup,
    );
  }
  const held = existsSync(store) ? StoreLock.take(store) : undefined;
  try {
    const result = await rollBack({
      directory,
      keepBackup,
      ...(backup === undefined ? {} : { backup }),
      ...(done === undefined ? {} : { home: done.home, own: done.changed, added: done.added }),
      ...(signal === undefined ? {} : { signal }),
      exportSince: (to) => exportStore(directory, held, to),
      onExportFailure: archiveOf(directory) === undefined ? 'keep-store' : 'stop',
      onProgress: ({ done: count, total }) =>
        onProgress?.({ phase: 'rollback', done: count, total }),
    });
    if (result.keptBackup) report.backedUp(result.backup);
    report.exported(result.exported?.path, result.exported?.records ?? 0);
    const aside = result.setAside.length;
    const kept =
      aside === 0 ? '' : `, ${aside} files that came or changed since are in ${result.since}`;
    return { value: undefined, detail: `${result.restored.length} files given back${kept}` };
  } finally {
    held?.release();
    if (held !== undefined) rmSync(`${store}-lock`, { force: true });
  }
}

/** What was written to the store since; a migration that was killed before it had its place has none. */
async function exportStore(
  directory: string,
  held: StoreLock | undefined,
  to: string,
): Promise<number> {
  const { store, archive: place } = v2Files(directory);
  if (!existsSync(store)) return 0;
  const archive = archiveOf(directory);
  if (archive === undefined) throw memoryError('not-found', place);
  bringInLeftPuts(store, held);
  return exportSince({ store, archive, to });
}

/** A migration that was killed while it gave its files their places has not moved the archive yet. */
function archiveOf(directory: string): string | undefined {
  return [v2Files(directory).archive, stagedFiles(directory).archive].find(existsSync);
}

/**
 * Of a directory that is not migrated, a backup that was kept would take back what v1 itself has written. One
 * that equals what is there is of a migration that was killed before it began, or of a rollback.
 */
function refuseToUndoV1(directory: string): void {
  const backups = findBackups(directory);
  const newest = backups.at(-1);
  if (newest === undefined || backups.some(({ path }) => readJournal(path) !== undefined)) return;
  const changed = changedSince(newest);
  if (changed === undefined) return;
  throw new MigrationError(
    'not-migrated',
    `${directory} is not migrated, and ${changed} was changed since the backup ${newest.path} was made; to go ` +
      'back to that backup all the same, name it after --rollback',
    directory,
  );
}

/** A file that is not as in the backup. The shared memory of a log changes when it is only read. */
function changedSince({ entries }: Backup): string | undefined {
  const files = entries.filter(({ kind, path }) => kind === 'file' && !path.endsWith('-shm'));
  return files.find(({ path, sha256 }) => !existsSync(path) || hashFile(path) !== sha256)?.path;
}
