/**
 * Putting back what a backup holds: bytes, times, permissions and owners of files, folders and links.
 * Every step looks at what there is, so a restore that was killed is simply done again.
 */
import { readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { dirname, join } from 'node:path';

import { removeTree, setAside } from './aside.js';
import { copyBytes, hashFile } from './copy.js';
import { type Disk, realDisk } from './disk.js';
import { BackupError, systemCode, translateBackupError } from './errors.js';
import { type Backup, type BackupEntry, fileIn, placeOf, type Roots } from './manifest.js';
import { COMPANION_SUFFIXES, statOf } from './plan.js';

export interface RestoreOptions {
  /** Where to; the directory of the backup if left out. Into another one only its own files go. */
  readonly directory?: string;
  /** Where the files of home go; where they were if left out. */
  readonly home?: string;
  /** Folder for files that differ from the backup; made when needed. */
  readonly aside: string;
  /**
   * SHA-256 of what the migration itself wrote, by path: such a file is replaced without setting it
   * aside.
   */
  readonly own?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** In files, folders and links. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly disk?: Disk;
}

export interface RestoreReport {
  /** Names of files and links that were put back. */
  readonly restored: readonly string[];
  /** Files that were as in the backup. */
  readonly unchanged: number;
  /** What was there instead, and where it is now. */
  readonly setAside: readonly { readonly name: string; readonly path: string }[];
  /** Names whose time is right to a microsecond only, or of folders that belong to another user. */
  readonly inexactTimes: readonly string[];
  /** Names whose owner this user may not set. */
  readonly otherOwner: readonly string[];
}

/**
 * Puts back everything, the times of folders last. Call `verifyBackup` first: a damaged file stops the
 * restore only when it is met. Throws `damaged`, `disk-full`, `no-permission`.
 */
export async function restoreBackup(
  backup: Backup,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const restore = new Restore(backup, options);
  await restore.contents();
  restore.folders();
  return restore.report();
}

/** One temporary file in a folder at a time, found again after a kill. */
const TEMPORARY_NAME = '.agentic-flow-restoring';

interface Target {
  readonly entry: BackupEntry;
  readonly path: string;
}

/** Where something lies that is not as in the backup. */
interface Occupied {
  readonly entry: Pick<BackupEntry, 'name' | 'place' | 'relative'>;
  readonly path: string;
}

/** A restore in its two parts, between which a rollback removes what the migration added. */
export class Restore {
  readonly #backup: Backup;
  readonly #options: RestoreOptions;
  readonly #disk: Disk;
  readonly #targets: readonly Target[];
  readonly #restored: string[] = [];
  readonly #setAside: { name: string; path: string }[] = [];
  readonly #inexactTimes: string[] = [];
  readonly #otherOwner: string[] = [];
  #unchanged = 0;

  constructor(backup: Backup, options: RestoreOptions) {
    this.#backup = backup;
    this.#options = options;
    this.#disk = options.disk ?? realDisk;
    const roots: Roots = {
      directory: options.directory ?? backup.directory,
      home: options.home ?? backup.home,
    };
    const isElsewhere = roots.directory !== backup.directory;
    this.#targets = backup.entries
      .filter(({ place }) => !isElsewhere || place === 'directory' || place === 'home')
      .filter(({ place }) => !isElsewhere || place === 'directory' || options.home !== undefined)
      .map((entry) => ({ entry, path: placeOf(entry, roots) }));
  }

  report(): RestoreReport {
    return {
      restored: this.#restored,
      unchanged: this.#unchanged,
      setAside: this.#setAside,
      inexactTimes: this.#inexactTimes,
      otherOwner: this.#otherOwner,
    };
  }

  /** Files and links, and the folders that are missing. */
  async contents(): Promise<void> {
    const total = this.#targets.length;
    let done = 0;
    try {
      for (const { path, entry } of this.#of('directory')) this.#haveFolder(path, entry);
      for (const target of this.#of('link')) this.#restoreLink(target);
      // In between a database has no log at all: opened then, it is an older state and never a mixture.
      for (const target of this.#of('file')) this.#clearCompanions(target);
      for (const target of this.#inOrder()) {
        this.#options.signal?.throwIfAborted();
        this.#restoreFile(target);
        done += 1;
        this.#options.onProgress?.(done, total);
        await setImmediate();
      }
    } catch (error) {
      throw translateBackupError(error, this.#backup.directory);
    }
    this.#options.onProgress?.(total, total);
  }

  /** Permissions and times of folders, those inside before those around them. */
  folders(): void {
    try {
      for (const target of this.#of('directory').reverse()) this.#restoreStatus(target);
    } catch (error) {
      throw translateBackupError(error, this.#backup.directory);
    }
  }

  #of(kind: BackupEntry['kind']): Target[] {
    return this.#targets.filter(({ entry }) => entry.kind === kind);
  }

  /** Databases before the logs that belong to them. */
  #inOrder(): Target[] {
    const files = this.#of('file');
    const isCompanion = ({ path }: Target): boolean => {
      return COMPANION_SUFFIXES.some((suffix) => path.endsWith(suffix));
    };
    return [...files.filter((file) => !isCompanion(file)), ...files.filter(isCompanion)];
  }

  #haveFolder(path: string, entry?: BackupEntry): void {
    const found = statOf(path);
    if (found?.isDirectory() === true) {
      this.#removeTemporary(path);
      return;
    }
    if (found !== undefined && entry !== undefined) this.#replace({ entry, path });
    if (statOf(dirname(path)) === undefined) this.#haveFolder(dirname(path));
    this.#changeIn(dirname(path));
    this.#disk.mkdir(path, 0o700);
    this.#disk.syncFolder(dirname(path));
  }

  /** What a killed restore left. */
  #removeTemporary(folder: string): void {
    const temporary = join(folder, TEMPORARY_NAME);
    if (statOf(temporary) !== undefined) this.#disk.unlink(temporary);
  }

  #restoreLink(target: Target): void {
    const { entry, path } = target;
    const found = statOf(path);
    const wanted = entry.target ?? '';
    if (found?.isSymbolicLink() === true && readlinkSync(path) === wanted) {
      this.#unchanged += 1;
    } else {
      if (found !== undefined) this.#replace(target);
      this.#haveParent(path);
      this.#disk.symlink(wanted, path);
      this.#disk.syncFolder(dirname(path));
      this.#restored.push(entry.name);
    }
    this.#restoreStatus(target);
  }

  #clearCompanions({ entry, path }: Target): void {
    if (entry.database !== true) return;
    for (const suffix of COMPANION_SUFFIXES) {
      const wanted = this.#targets.find((target) => target.path === path + suffix);
      if (statOf(path + suffix) === undefined) continue;
      if (wanted !== undefined && this.#hasBytes(wanted)) continue;
      const { name, place, relative } = entry;
      const beside = { name: name + suffix, place, relative: relative + suffix };
      this.#replace({ entry: beside, path: path + suffix });
    }
  }

  #hasBytes({ entry, path }: Target): boolean {
    const found = statOf(path);
    const isSameSize = found?.isFile() === true && Number(found.size) === entry.bytes;
    return isSameSize && hashFile(path) === entry.sha256;
  }

  #restoreFile(target: Target): void {
    const { entry, path } = target;
    if (this.#hasBytes(target)) {
      this.#unchanged += 1;
      this.#restoreStatus(target);
      return;
    }
    const found = statOf(path);
    if (found?.isDirectory() === true) this.#replace(target);
    else if (found !== undefined) this.#keep(target);
    this.#haveParent(path);
    const temporary = join(dirname(path), TEMPORARY_NAME);
    if (statOf(temporary) !== undefined) this.#disk.unlink(temporary);
    const copy = fileIn(this.#backup.path, entry);
    if (copyBytes(copy, temporary, this.#disk, () => undefined) !== entry.sha256) {
      this.#disk.unlink(temporary);
      const sentence = `the backup ${this.#backup.path} is damaged: ${entry.name} has other bytes; the file was left as it was, use another backup`;
      throw new BackupError('damaged', sentence, copy);
    }
    this.#restoreStatus({ entry, path: temporary });
    this.#disk.rename(temporary, path);
    this.#disk.syncFolder(dirname(path));
    this.#restored.push(entry.name);
  }

  #haveParent(path: string): void {
    const parent = dirname(path);
    if (statOf(parent)?.isDirectory() !== true) this.#haveFolder(parent);
    this.#changeIn(parent);
  }

  /** Names can be changed in a folder only with permission, which `folders` takes back. */
  #changeIn(folder: string): void {
    const mode = Number((statOf(folder)?.mode ?? 0o700n) & 0o7777n);
    if ((mode & 0o300) !== 0o300) this.#disk.chmod(folder, mode | 0o700);
  }

  /** Sets aside, unless the migration wrote it. */
  #keep({ entry, path }: Occupied): void {
    const own = this.#options.own?.[path];
    if (own !== undefined && statOf(path)?.isFile() === true && hashFile(path) === own) return;
    const to = setAside(path, fileIn(this.#options.aside, entry), this.#disk);
    this.#setAside.push({ name: entry.name, path: to });
  }

  #replace(occupied: Occupied): void {
    const { path } = occupied;
    this.#keep(occupied);
    this.#changeIn(dirname(path));
    removeTree(path, this.#disk);
    this.#disk.syncFolder(dirname(path));
  }

  #restoreStatus({ entry, path }: Target): void {
    const found = statOf(path);
    if (found === undefined) return;
    const isOwner = Number(found.uid) === entry.uid && Number(found.gid) === entry.gid;
    if (!isOwner) this.#chown(entry, path);
    // A link has no permissions of its own.
    const hasMode = entry.kind === 'link' || Number(found.mode & 0o7777n) === entry.mode;
    // A new owner can take set-user bits away.
    if (!hasMode || !isOwner) if (entry.kind !== 'link') this.#disk.chmod(path, entry.mode);
    if (found.mtimeNs === BigInt(entry.mtimeNs)) return;
    if (!this.#setTime(path, entry)) this.#inexactTimes.push(entry.name);
  }

  /** A folder of another owner keeps the time that it got by what was put back in it. */
  #setTime(path: string, entry: BackupEntry): boolean {
    try {
      return this.#disk.setTime(path, BigInt(entry.mtimeNs));
    } catch (error) {
      if (systemCode(error) !== 'EPERM' || entry.kind !== 'directory') throw error;
      return false;
    }
  }

  #chown(entry: BackupEntry, path: string): void {
    try {
      this.#disk.chown(path, entry.uid, entry.gid);
    } catch (error) {
      if (systemCode(error) !== 'EPERM') throw error;
      this.#otherOwner.push(entry.name);
    }
  }
}
