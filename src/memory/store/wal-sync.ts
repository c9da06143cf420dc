/**
 * Syncs the write-ahead log of a store on a thread of the system, so that searches go on meanwhile. The
 * file is opened once: an error of the disk is told to those who had it open when it happened.
 *
 * SQLite itself syncs what a checkpoint moves. The log carries no locks, so opening it is harmless.
 */
import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';
import type { Database } from '../database.js';
import { memoryError } from '../errors.js';

export class WalSync {
  readonly #path: string;
  readonly #file: number;

  /** The database has written something already, so that its log exists. */
  constructor(database: Database) {
    this.#path = `${database.path}-wal`;
    this.#file = openSync(this.#path, 'r');
  }

  /** Throws `io` whatever the system says: a full disk, too, has lost what was written before. */
  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#file, (error) => {
        if (error === null) resolve();
        else reject(memoryError('io', this.#path, error));
      });
    });
  }

  /** The same before it returns; for a caller that cannot wait. */
  syncNow(): void {
    try {
      fdatasyncSync(this.#file);
    } catch (error) {
      throw memoryError('io', this.#path, error);
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}
