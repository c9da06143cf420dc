/**
 * Puts that a crash left in the log of a store. They were acknowledged, and the file of the store does not have
 * them: whoever reads or writes that file otherwise than as a store calls this first.
 */
import { existsSync } from 'node:fs';
import { putLogPath } from '../put-log-path.js';
import { StoreHost } from './host.js';
import type { StoreLock } from './lock.js';

/**
 * The file of the store has all that was acknowledged when this returns, on the disk. `held`: the lock of the
 * store, where the caller has it; it stays the caller's. Throws `locked` where another has the store open, who
 * sees to it himself, `damaged` for a log that wants a repair, and what opening a store throws.
 */
export function bringInLeftPuts(path: string, held?: StoreLock): void {
  if (!existsSync(putLogPath(path))) return;
  const settings = { path, create: false, adopt: false, batchOperations: 1, batchDelayMs: 0 };
  new StoreHost(settings, held === undefined ? {} : { lock: held }).closeNow();
}
