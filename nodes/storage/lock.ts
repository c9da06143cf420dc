import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { StorageError, toStorageError } from './error.js';

const DATABASE = 'lock.db';
const HOLDER = 'lock.pid';

/** A directory held by this process, until `release` or the end of the process. */
export class DirectoryLock {
  private database: DatabaseSyncInstance | null;

  /** Made by `lockDirectory`. */
  constructor(
    readonly directory: string,
    database: DatabaseSyncInstance,
  ) {
    this.database = database;
  }

  /** Lets others take the directory. Further calls do nothing. */
  release(): void {
    this.database?.close();
    this.database = null;
  }
}

function holderOf(directory: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(directory, HOLDER), 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && /database is locked|SQLITE_BUSY/i.test(error.message);
}

function refuse(directory: string, error: unknown): StorageError {
  if (!isBusy(error)) {
    const text = error instanceof Error ? error.message : '';
    // SQLite names neither EROFS nor EACCES; it cannot open or write the file.
    const isReadOnly = /readonly|unable to open/i.test(text);
    if (!isReadOnly) return toStorageError(error, 'locking', directory);
    const message = `locking ${directory} failed: it cannot be written; check owner and mode`;
    return new StorageError('read-only', message, { path: directory }, { cause: error });
  }
  const pid = holderOf(directory);
  const who = pid === undefined ? 'another process' : `process ${pid}`;
  return new StorageError('locked', `${directory} is in use by ${who}; stop it first`, {
    path: directory,
    ...(pid !== undefined && { pid }),
  });
}

/**
 * Takes `directory` (made if missing) for this process by an exclusive SQLite transaction: the
 * operating system ends it with the process, however that ends, so no stale lock is ever left.
 * Throws a `StorageError` with code `locked` and the pid of the holder if it is taken.
 */
export function lockDirectory(directory: string): DirectoryLock {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw toStorageError(error, 'making', directory);
  }
  let database: DatabaseSyncInstance | null = null;
  try {
    database = new DatabaseSync(join(directory, DATABASE));
    database.exec('PRAGMA busy_timeout = 0');
    database.exec('BEGIN EXCLUSIVE');
    writeFileSync(join(directory, HOLDER), String(process.pid));
    return new DirectoryLock(directory, database);
  } catch (error) {
    database?.close();
    throw refuse(directory, error);
  }
}
