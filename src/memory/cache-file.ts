/** Files beside a store that spare it work and that it can do without. */
import { rmSync } from 'node:fs';
import { isOperational, MemoryError } from './errors.js';
import { SNAPSHOT_CHANGES_MIN, SNAPSHOT_CHANGES_PART } from './limits.js';

/**
 * Whether a file that could not be opened is of no use any more. A newer release may come back; what the
 * disk fails to read now may be read later.
 */
export function isUseless(error: unknown): boolean {
  const code = error instanceof MemoryError ? error.code : undefined;
  return code === 'damaged' || code === 'not-a-database';
}

/** What cannot be removed is not trusted the next time either. */
export function removeCache(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    if (!isOperational(error)) throw error;
  }
}

/** Whether so many of all have changed that a file is to be written anew. */
export function isMuch(changes: number, all: number): boolean {
  return changes >= Math.max(SNAPSHOT_CHANGES_MIN, SNAPSHOT_CHANGES_PART * all);
}
