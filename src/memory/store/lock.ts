/**
 * Holds a store for one opener: an open transaction on a small database beside the file. The system takes
 * such a lock back however the process ends; readers see who has it.
 */
import { randomUUID } from 'node:crypto';
import { Database } from '../database.js';
import { MemoryError } from '../errors.js';
import { LOCK_TIMEOUT_MS, LOCK_TRIES_MAX } from './limits.js';

export class StoreLock {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** Throws `locked` with the process that has it, and what the lock's own file throws. */
  static take(storePath: string): StoreLock {
    const database = Database.open(`${storePath}-lock`, { create: true });
    try {
      database.exec(`PRAGMA busy_timeout = ${LOCK_TIMEOUT_MS}`);
      const token = randomUUID();
      for (let tries = 0; tries < LOCK_TRIES_MAX; tries += 1) {
        database.exec('BEGIN IMMEDIATE');
        database.exec(
          `CREATE TABLE IF NOT EXISTS holder (one INTEGER PRIMARY KEY, pid INTEGER NOT NULL,
             token TEXT NOT NULL)`,
        );
        // Nobody came between the commit that tells who we are and the transaction that stays open.
        if (database.get('SELECT token FROM holder')?.[0] === token) return new StoreLock(database);
        database.run('REPLACE INTO holder VALUES (1, ?, ?)', process.pid, token);
        database.exec('COMMIT');
      }
      throw new MemoryError('locked', `${storePath} is being opened by others`, storePath);
    } catch (error) {
      const isHeld = error instanceof MemoryError && error.code === 'locked';
      const failure = isHeld ? heldError(database, storePath, error) : error;
      database.close();
      throw failure;
    }
  }

  release(): void {
    this.#database.close();
  }
}

/** The process that has the store, or had it last; undefined if nobody can say. */
export function lockHolder(storePath: string): number | undefined {
  const database = Database.open(`${storePath}-lock`, { readOnly: true });
  try {
    return holderIn(database);
  } finally {
    database.close();
  }
}

function holderIn(database: Database): number | undefined {
  try {
    const pid = database.get('SELECT pid FROM holder')?.[0];
    return typeof pid === 'number' ? pid : undefined;
  } catch {
    // It is being written at this moment: the store is held all the same.
    return undefined;
  }
}

function heldError(database: Database, storePath: string, cause: unknown): MemoryError {
  const pid = holderIn(database);
  const holder =
    pid === undefined ? 'another process' : pid === process.pid ? 'this process' : `process ${pid}`;
  const sentence = `${storePath} is opened by ${holder} already; close it there or wait`;
  return new MemoryError('locked', sentence, storePath, cause);
}
