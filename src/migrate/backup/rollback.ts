/**
 * Back to v1. The phases, each of which can be done again after a kill:
 *
 *   verify -> export -> restore -> remove -> folders -> done
 *
 * Nothing below the directory is touched before the backup was read whole and what was written to the
 * store since the migration is in a file outside.
 */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import {
  ARCHIVE_NAME,
  CONFIG_NAME,
  MANIFEST_NAME,
  STORE_NAME,
  V2_FOLDER,
  WORK_NAME,
} from '../files.js';
import { removeTree, setAside } from './aside.js';
import { hashFile } from './copy.js';
import { type Disk, realDisk } from './disk.js';
import { BackupError, translateBackupError } from './errors.js';
import { type Journal, readJournal, removeJournal, writeJournal } from './journal.js';
import { type Backup, readBackup } from './manifest.js';
import { findBackups, freeName } from './paths.js';
import { isWithin, realPath, statOf } from './plan.js';
import { Restore, type RestoreReport } from './restore.js';
import { verifyBackup } from './verify.js';

interface RollbackProgress {
  readonly step: 'verify' | 'export' | 'restore' | 'remove' | 'finish';
  readonly done: number;
  readonly total: number;
}

export interface RollbackOptions {
  readonly directory: string;
  /** Home directory, if it is another one than at the time of the backup. */
  readonly home?: string;
  /** Folder of the backup; the newest one beside the directory if left out. */
  readonly backup?: string;
  /** The backup stays where it is. */
  readonly keepBackup: boolean;
  /** Writes what was written to the store since to a new file; returns how many records these are. */
  readonly exportSince: (to: string) => Promise<number>;
  /** If that fails: nothing is changed (the default), or the store is set aside instead. */
  readonly onExportFailure?: 'stop' | 'keep-store';
  /** Restores the backup of another directory into this one. */
  readonly fromOtherDirectory?: boolean;
  /** SHA-256 of the settings files that the migration wrote, by path: they need not be set aside. */
  readonly own?: Readonly<Record<string, string>>;
  /** Files and empty folders that the migration added outside of `.agentic-flow`, absolute. */
  readonly added?: readonly string[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RollbackProgress) => void;
  readonly disk?: Disk;
}

export interface RollbackReport extends RestoreReport {
  readonly directory: string;
  readonly backup: string;
  readonly keptBackup: boolean;
  /** A rollback that had been killed went on. */
  readonly resumed: boolean;
  /** What was written to the store since the migration; null if that is nothing. */
  readonly exported: { readonly path: string; readonly records: number } | null;
  /** Folder with what was written since and what v1 files were; null if that is nothing. */
  readonly since: string | null;
  /** What the migration had added. */
  readonly removed: readonly string[];
}

const EXPORT_NAME = 'written-since.jsonl';
/** What a migration makes in its folder; a name may have more after it. */
const OWN_NAMES = [
  STORE_NAME,
  ARCHIVE_NAME,
  CONFIG_NAME,
  WORK_NAME,
  'migration.lock',
  MANIFEST_NAME,
] as const;
const REMOVING_SUFFIX = '.removing';

/**
 * Gives back the v1 tree of a backup, byte for byte and with its times, and removes what the migration
 * added. Killed at any instant, the next call goes on. Throws `not-a-backup`, `damaged`,
 * `newer-version`, `other-directory`, `export-failed` (with nothing changed), `disk-full`,
 * `no-permission` (call again when there is room or permission).
 */
export async function rollBack(options: RollbackOptions): Promise<RollbackReport> {
  const directory = realPath(options.directory);
  removeRest(directory, options);
  const backup = chooseBackup(directory, options);
  if (backup.directory !== directory && options.fromOtherDirectory !== true) {
    const sentence = `the backup ${backup.path} is of ${backup.directory} and not of ${directory}; name the right backup, or say that it is meant`;
    throw new BackupError('other-directory', sentence, backup.path);
  }
  if (isWithin(backup.path, directory)) {
    const sentence = `the backup ${backup.path} lies in ${directory}, which it would replace; move it out`;
    throw new BackupError('inside', sentence, backup.path);
  }
  await verifyBackup(backup, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onProgress: (done, total) => options.onProgress?.({ step: 'verify', done, total }),
  });
  try {
    return await new Rollback(backup, directory, options).run();
  } catch (error) {
    throw translateBackupError(error, directory);
  }
}

function chooseBackup(directory: string, { backup }: RollbackOptions): Backup {
  if (backup !== undefined) return readBackup(backup);
  const found = findBackups(directory);
  const begun = found.find(({ path }) => readJournal(path) !== undefined);
  const chosen = begun ?? found.at(-1);
  if (chosen !== undefined) return chosen;
  const sentence = `there is no backup of ${directory} beside it; name the folder of the backup`;
  throw new BackupError('not-a-backup', sentence, directory);
}

/** A backup that was being removed when its rollback was killed, which had done everything else. */
function removeRest(directory: string, { backup, disk = realDisk }: RollbackOptions): void {
  const parent = dirname(directory);
  const given = backup === undefined ? [] : [`${realPath(backup)}${REMOVING_SUFFIX}`];
  const pattern = /^\.v1-backup(?:-\d+)?\.removing$/;
  const beside = (existsSync(parent) ? readdirSync(parent) : [])
    .filter((name) => name.startsWith(basename(directory)))
    .filter((name) => pattern.test(name.slice(basename(directory).length)))
    .map((name) => join(parent, name));
  for (const path of [...given, ...beside]) removeTree(path, disk);
}

class Rollback {
  readonly #backup: Backup;
  readonly #options: RollbackOptions;
  readonly #disk: Disk;
  readonly #resumed: boolean;
  readonly #removed: string[] = [];
  readonly #setAside: { name: string; path: string }[] = [];
  readonly #restore: Restore;
  #journal: Journal;

  constructor(backup: Backup, directory: string, options: RollbackOptions) {
    this.#backup = backup;
    this.#options = options;
    this.#disk = options.disk ?? realDisk;
    const begun = readJournal(backup.path);
    this.#resumed = begun !== undefined;
    if (begun !== undefined && begun.directory !== directory) {
      const sentence = `a rollback of ${begun.directory} with the backup ${backup.path} was interrupted; finish that first`;
      throw new BackupError('busy', sentence, backup.path);
    }
    const name = `${basename(directory)}.since-migration`;
    this.#journal = begun ?? {
      format: 1,
      phase: 'export',
      directory,
      home: homeFor(backup, directory, options),
      since: freeName(join(dirname(backup.path), name)),
      exported: null,
      keepStore: false,
      own: { ...options.own },
      added: [...(options.added ?? [])],
    };
    const { home, since, own } = this.#journal;
    // Home and what lies elsewhere belong to the directory that the backup is of.
    const isOther = directory !== backup.directory;
    this.#restore = new Restore(backup, {
      directory,
      aside: join(since, 'v1-files'),
      own,
      disk: this.#disk,
      ...(isOther && home === backup.home ? {} : { home }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onProgress: (done, total) => this.#show('restore', done, total),
    });
  }

  async run(): Promise<RollbackReport> {
    if (!this.#resumed) writeJournal(this.#backup.path, this.#journal, this.#disk);
    // Also where that was done before an interruption: nothing of v2 is removed yet, and a program may have
    // written to the store since.
    if (this.#journal.phase === 'export' || this.#journal.phase === 'restore') await this.#export();
    if (this.#journal.phase === 'restore') {
      await this.#restore.contents();
      this.#advance('remove');
    }
    if (this.#journal.phase === 'remove') {
      this.#remove();
      this.#advance('folders');
    }
    if (this.#journal.phase === 'folders') {
      this.#restore.folders();
      this.#advance('done');
    }
    const report = this.#report();
    this.#finish();
    this.#show('finish', 1, 1);
    return report;
  }

  #advance(phase: Journal['phase'], more: Partial<Journal> = {}): void {
    this.#journal = { ...this.#journal, ...more, phase };
    writeJournal(this.#backup.path, this.#journal, this.#disk);
  }

  #show(step: RollbackProgress['step'], done: number, total: number): void {
    this.#options.onProgress?.({ step, done, total });
  }

  async #export(): Promise<void> {
    const { since } = this.#journal;
    const to = join(since, EXPORT_NAME);
    this.#show('export', 0, 1);
    // A half one, of a rollback that was killed.
    removeTree(to, this.#disk);
    if (!existsSync(since)) this.#disk.mkdir(since, 0o700);
    let exported: number | null = null;
    try {
      exported = await this.#options.exportSince(to);
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      removeTree(to, this.#disk);
      if (this.#options.onExportFailure !== 'keep-store') throw this.#stopped(error);
    }
    if (exported === 0) removeTree(to, this.#disk);
    if (existsSync(to)) this.#disk.syncFolder(to);
    this.#disk.syncFolder(since);
    this.#disk.syncFolder(dirname(since));
    this.#advance('restore', { exported, keepStore: exported === null });
  }

  /** As if the rollback had not been begun, unless files were given back already. */
  #stopped(error: unknown): BackupError {
    const { directory, since, phase } = this.#journal;
    const reason = error instanceof Error ? error.message : String(error);
    if (phase === 'restore') {
      const sentence = `what was written since the migration of ${directory} cannot be exported (${reason}); remove the cause and go on with --rollback`;
      return new BackupError('export-failed', sentence, directory, error);
    }
    if (readdirSync(since).length === 0) this.#disk.rmdir(since);
    removeJournal(this.#backup.path, this.#disk);
    const sentence = `what was written since the migration of ${directory} cannot be exported (${reason}); nothing was changed`;
    return new BackupError('export-failed', sentence, directory, error);
  }

  /** What the migration added, the file that tells of it last. */
  #remove(): void {
    const { added, directory } = this.#journal;
    const folder = join(directory, V2_FOLDER);
    // Folders after what lies in them.
    const paths = added
      .filter((path) => !isWithin(path, folder))
      .sort((a, b) => b.length - a.length);
    for (const [i, path] of paths.entries()) {
      this.#show('remove', i, paths.length + 1);
      this.#removeAdded(path);
    }
    this.#removeOwnFolder(folder);
    this.#show('remove', paths.length + 1, paths.length + 1);
  }

  #removeAdded(path: string): void {
    const { directory, home, own } = this.#journal;
    const found = statOf(path);
    const isOurs = isWithin(path, directory) || isWithin(path, home);
    const isInBackup = this.#backup.entries.some((entry) => entry.path === path);
    if (found === undefined || !isOurs || isInBackup) return;
    if (found.isDirectory()) {
      if (readdirSync(path).length > 0) return;
    } else if (own[path] === undefined || !found.isFile() || hashFile(path) !== own[path]) {
      this.#keep(path);
    }
    this.#take(path);
  }

  #removeOwnFolder(folder: string): void {
    if (statOf(folder)?.isDirectory() !== true) return;
    const before = new Set(this.#backup.ownFolder ?? []);
    const names = readdirSync(folder).filter((name) => !before.has(name));
    names.sort((a, b) => Number(a === MANIFEST_NAME) - Number(b === MANIFEST_NAME));
    for (const name of names) {
      const path = join(folder, name);
      const isOwn = OWN_NAMES.some((own) => name.startsWith(own));
      // What a program or a user put there since is none of the migration's.
      if (!isOwn || this.#journal.keepStore) this.#keep(path);
      this.#take(path);
    }
    if (this.#backup.ownFolder === null) this.#take(folder);
  }

  #keep(path: string): void {
    const name = nameBelow(path, this.#journal.directory);
    const to = setAside(path, join(this.#journal.since, 'added', name), this.#disk);
    this.#setAside.push({ name, path: to });
  }

  #take(path: string): void {
    removeTree(path, this.#disk);
    this.#disk.syncFolder(dirname(path));
    this.#removed.push(nameBelow(path, this.#journal.directory));
  }

  #report(): RollbackReport {
    const { since, exported, directory } = this.#journal;
    const restored = this.#restore.report();
    const hasSince = existsSync(since) && readdirSync(since).length > 0;
    const path = join(since, EXPORT_NAME);
    return {
      ...restored,
      setAside: [...restored.setAside, ...this.#setAside],
      directory,
      backup: this.#backup.path,
      keptBackup: this.#options.keepBackup,
      resumed: this.#resumed,
      exported: exported !== null && exported > 0 ? { path, records: exported } : null,
      since: hasSince ? since : null,
      removed: this.#removed,
    };
  }

  #finish(): void {
    const { since } = this.#journal;
    if (existsSync(since) && readdirSync(since).length === 0) this.#disk.rmdir(since);
    const { path } = this.#backup;
    if (this.#options.keepBackup) {
      removeJournal(path, this.#disk);
      return;
    }
    const removing = `${path}${REMOVING_SUFFIX}`;
    this.#disk.rename(path, removing);
    this.#disk.syncFolder(dirname(path));
    removeTree(removing, this.#disk);
  }
}

/** A home inside the directory moves with it. */
function homeFor(backup: Backup, directory: string, options: RollbackOptions): string {
  if (options.home !== undefined) return realPath(options.home);
  if (!isWithin(backup.home, backup.directory)) return backup.home;
  return join(directory, backup.home.slice(backup.directory.length));
}

function nameBelow(path: string, directory: string): string {
  return isWithin(path, directory) ? path.slice(directory.length + 1) : path.replace(/^[/\\]+/, '');
}
