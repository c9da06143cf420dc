/**
 * Making a backup. It grows in a folder beside its place, is made durable and read back, and then takes
 * its name: a backup that has its name is whole.
 */
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

import { copyDatabase, databaseHash } from '../../v1/copy-file.js';
import { V1Error } from '../../v1/errors.js';
import { V2_FOLDER } from '../files.js';
import { copyBytes, copyStable, hashFile, isSame, type OnBytes, statFile } from './copy.js';
import { type Disk, realDisk } from './disk.js';
import { BackupError, translateBackupError } from './errors.js';
import { FILE_OVERHEAD_BYTES, ROOM_LEFT_BYTES } from './limits.js';
import {
  type Backup,
  type BackupEntry,
  fileIn,
  MANIFEST_NAME,
  manifestBytes,
  readBackup,
} from './manifest.js';
import { defaultBackupPath, findBackups, freeBytes } from './paths.js';
import {
  type BackupPlan,
  type BackupSource,
  COMPANION_SUFFIXES,
  isWithin,
  planBackup,
  realPath,
  statOf,
  statusOf,
} from './plan.js';
import { verifyBackup } from './verify.js';

interface BackupProgress {
  readonly step: 'copy' | 'verify';
  /** In bytes. */
  readonly done: number;
  readonly total: number;
}

export interface MakeBackupOptions {
  readonly installation: BackupSource;
  /**
   * Folder of the backup; nothing must be there, or a backup that is equal to what is there now. If left
   * out: the newest backup beside the directory, if it is equal, else a new one there.
   */
  readonly to?: string;
  /** Files beyond those of the installation that are going to be changed; they need not exist. */
  readonly also?: readonly string[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: BackupProgress) => void;
  readonly disk?: Disk;
}

/** Says which process fills an unfinished backup. */
const OWNER_NAME = 'unfinished';

/**
 * Copies every file of an installation, also while v1 writes, and reads the copies back. Call it before
 * anything is written below the directory: times of folders are part of it. If there is a backup at `to`
 * that equals what is there now, that one is taken. Throws `exists`, `inside`, `disk-full`,
 * `no-permission`, `busy`, `changed`, `damaged`, and then leaves nothing behind.
 */
export async function makeBackup(options: MakeBackupOptions): Promise<Backup> {
  const plan = planBackup(options.installation, options.also ?? []);
  const to = options.to === undefined ? undefined : placeFor(options.to);
  if (to !== undefined) {
    refuseInside(plan, to);
    if (existsSync(to)) return takeEqual(plan, to);
  }
  const newest = to === undefined ? findBackups(plan.directory).at(-1) : undefined;
  if (newest !== undefined && isCurrent(newest, plan)) return newest;
  return make(plan, to ?? defaultBackupPath(plan.directory), options);
}

async function make(plan: BackupPlan, to: string, options: MakeBackupOptions): Promise<Backup> {
  const disk = options.disk ?? realDisk;
  const partial = `${to}.partial`;
  let created: string | undefined;
  try {
    removeAbandoned(partial);
    refuseWithoutRoom(plan, to, disk);
    created = mkdirSync(dirname(to), { recursive: true });
    disk.mkdir(partial, 0o700);
    writeFileSync(join(partial, OWNER_NAME), `${process.pid}\n`);
    await new Copying(plan, partial, disk, options).run();
    await verifyBackup(readBackup(partial), {
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onProgress: (done, total) => options.onProgress?.({ step: 'verify', done, total }),
    });
    disk.unlink(join(partial, OWNER_NAME));
    disk.syncFolder(partial);
    disk.rename(partial, to);
    disk.syncFolder(dirname(to));
    return readBackup(to);
  } catch (error) {
    if (!isTaken(error)) rmSync(partial, { recursive: true, force: true });
    if (created !== undefined) rmSync(created, { recursive: true, force: true });
    throw asBackupError(error, to);
  }
}

/** Without links in the folders around it. */
function placeFor(path: string): string {
  return join(realPath(dirname(resolve(path))), basename(resolve(path)));
}

function refuseInside(plan: BackupPlan, to: string): void {
  if (!isWithin(to, plan.directory) && !isWithin(plan.directory, to)) return;
  const sentence = `the backup ${to} and the directory ${plan.directory} lie in one another; choose a path outside`;
  throw new BackupError('inside', sentence, to);
}

function takeEqual(plan: BackupPlan, to: string): Backup {
  const taken = `${to} exists already; choose another path for the backup or move it away`;
  let backup: Backup;
  try {
    backup = readBackup(to);
  } catch (error) {
    throw new BackupError('exists', taken, to, error);
  }
  if (isCurrent(backup, plan)) return backup;
  throw new BackupError('exists', taken, to);
}

/** Whether a backup holds what there is now, by all that it knows and the bytes. */
function isCurrent(backup: Backup, plan: BackupPlan): boolean {
  const isSameOwn = JSON.stringify(backup.ownFolder) === JSON.stringify(plan.ownFolder);
  if (!isSameOwn || backup.entries.length !== plan.entries.length) return false;
  const known = new Map(backup.entries.map((entry) => [entry.path, entry]));
  return plan.entries.every((entry) => {
    const old = known.get(entry.path);
    if (old === undefined) return false;
    const { sha256, ...rest } = old;
    // A migration that was killed right after its backup may have made its folder.
    const isRoot = entry.kind === 'directory' && entry.path === plan.directory;
    if (isRoot && existsSync(join(plan.directory, V2_FOLDER))) return true;
    if (JSON.stringify({ ...rest, sha256: '' }) !== JSON.stringify({ ...rest, ...entry }))
      return false;
    if (entry.kind !== 'file') return true;
    const copy = fileIn(backup.path, entry);
    return existsSync(copy) && hashFile(entry.path) === sha256 && hashFile(copy) === sha256;
  });
}

/** What a killed process left; a living one keeps it. */
function removeAbandoned(partial: string): void {
  if (lstatSync(partial, { throwIfNoEntry: false }) === undefined) return;
  const owner = join(partial, OWNER_NAME);
  const pid = existsSync(owner) ? Number.parseInt(readFileSync(owner, 'utf8'), 10) : 0;
  if (pid !== process.pid && isAlive(pid)) {
    const sentence = `process ${pid} is making the backup ${partial}; wait for it, or remove the folder if that is another program`;
    throw new BackupError('busy', sentence, partial);
  }
  rmSync(partial, { recursive: true, force: true });
}

function isTaken(error: unknown): boolean {
  return error instanceof BackupError && error.code === 'busy' && error.path.endsWith('.partial');
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Bytes that a backup takes on the disk at most, as far as can be known before. */
function backupBytes(plan: Pick<BackupPlan, 'bytes' | 'entries'>): number {
  return plan.bytes + plan.entries.length * FILE_OVERHEAD_BYTES;
}

function refuseWithoutRoom(plan: BackupPlan, to: string, disk: Disk): void {
  const needed = backupBytes(plan) + ROOM_LEFT_BYTES;
  const free = freeBytes(to, disk);
  if (free >= needed) return;
  const sentence = `the backup ${to} needs ${needed} bytes and the disk has ${free} free; free space or choose a path on another disk`;
  throw new BackupError('disk-full', sentence, to);
}

function asBackupError(error: unknown, path: string): unknown {
  if (!(error instanceof V1Error)) return translateBackupError(error, path);
  const code = error.code === 'busy' || error.code === 'disk-full' ? error.code : 'no-permission';
  return new BackupError(code, error.message, error.path, error);
}

/** Copies what a plan lists to an unfinished backup. */
class Copying {
  readonly #plan: BackupPlan;
  readonly #to: string;
  readonly #disk: Disk;
  readonly #options: MakeBackupOptions;
  readonly #folders = new Set<string>();
  #doneBytes = 0;

  constructor(plan: BackupPlan, to: string, disk: Disk, options: MakeBackupOptions) {
    this.#plan = plan;
    this.#to = to;
    this.#disk = disk;
    this.#options = options;
  }

  async run(): Promise<void> {
    const entries: BackupEntry[] = [];
    const copied = new Set<string>();
    for (const entry of this.#plan.entries) {
      this.#options.signal?.throwIfAborted();
      if (copied.has(entry.path)) continue;
      for (const done of await this.#copy(entry)) {
        entries.push(done);
        copied.add(done.path);
      }
      // What vanished beside a database while it was copied went into the database.
      if (entry.database !== true) continue;
      for (const suffix of COMPANION_SUFFIXES) copied.add(entry.path + suffix);
    }
    const { directory, home, ownFolder } = this.#plan;
    const madeAt = new Date().toISOString();
    const plain = entries.map(({ name: _name, path: _path, ...rest }) => rest);
    const content = { madeAt, directory, home, ownFolder: ownFolder && [...ownFolder] };
    const file = this.#disk.create(join(this.#to, MANIFEST_NAME));
    try {
      this.#disk.write(file, manifestBytes({ ...content, entries: plain }));
    } catch (error) {
      this.#disk.close(file);
      throw error;
    }
    this.#disk.finish(file);
    for (const folder of this.#folders) this.#disk.syncFolder(folder);
    this.#disk.syncFolder(this.#to);
  }

  async #copy(entry: BackupEntry): Promise<BackupEntry[]> {
    if (entry.kind !== 'file') return [entry];
    const to = fileIn(this.#to, entry);
    this.#makeFolder(dirname(to));
    if (entry.database === true) return this.#copyDatabase(entry, to);
    const { sha256, found } = copyStable(entry.path, to, this.#disk, this.#onBytes);
    return [{ ...entry, ...statusOf('file', found), sha256 }];
  }

  /** A database and what lies beside it, of one moment. The shared memory is rebuilt from the rest. */
  async #copyDatabase(entry: BackupEntry, to: string): Promise<BackupEntry[]> {
    const before = statesOf(entry.path);
    await copyDatabase(entry.path, to);
    const found = statesOf(entry.path);
    compareAtRest(entry.path, to, before);
    const done: BackupEntry[] = [];
    for (const suffix of ['', ...COMPANION_SUFFIXES]) {
      const copy = to + suffix;
      const path = entry.path + suffix;
      const state = before.get(suffix) ?? found.get(suffix);
      if (suffix === '-shm' && state !== undefined && statOf(path) !== undefined) {
        copyBytes(path, copy, this.#disk, this.#onBytes);
      }
      if (state === undefined || !existsSync(copy)) continue;
      this.#sync(copy);
      const bytes = Number(statFile(copy).size);
      const sha256 = hashFile(copy, suffix === '-shm' ? () => undefined : this.#onBytes);
      const { relative, name } = entry;
      const named = { relative: relative + suffix, name: name + suffix, path };
      const database = suffix === '' ? { database: true } : { database: undefined };
      const { database: _database, ...rest } = entry;
      done.push({ ...rest, ...named, ...statusOf('file', state), bytes, sha256, ...database });
    }
    return done;
  }

  readonly #onBytes: OnBytes = (bytes) => {
    this.#options.signal?.throwIfAborted();
    this.#doneBytes += bytes;
    const total = this.#plan.bytes;
    this.#options.onProgress?.({ step: 'copy', done: Math.min(this.#doneBytes, total), total });
  };

  #sync(path: string): void {
    this.#disk.syncFolder(path);
  }

  #makeFolder(folder: string): void {
    if (this.#folders.has(folder) || folder === this.#to) return;
    this.#makeFolder(dirname(folder));
    this.#disk.mkdir(folder, 0o700);
    this.#folders.add(folder);
  }
}

/** Compares with the source, unless it was written to meanwhile: what was copied was right then. */
function compareAtRest(path: string, copy: string, before: ReturnType<typeof statesOf>): void {
  const copied = databaseHash(copy);
  const isSource = databaseHash(path) === copied || databaseHash(path) === copied;
  const now = statesOf(path);
  const isAtRest = [...now].every(([suffix, state]) => {
    const old = before.get(suffix);
    return old !== undefined && isSame(old, state);
  });
  if (isSource || !isAtRest) return;
  const sentence = `the copy ${copy} of ${path} does not have its bytes; check the disk`;
  throw new BackupError('damaged', sentence, copy);
}

function statesOf(path: string) {
  const states = new Map<string, ReturnType<typeof statFile>>();
  for (const suffix of ['', ...COMPANION_SUFFIXES]) {
    const state = statOf(path + suffix);
    if (state !== undefined) states.set(suffix, state);
  }
  return states;
}
