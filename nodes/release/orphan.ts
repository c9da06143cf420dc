/**
 * The process of a supervisor that was killed: it drains when its channel closes, and then the
 * directory is free. One that hangs is killed, when it is certain that it is such a process.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { StorageError, lockDirectory } from '../storage/index.js';
import { LOCK_RETRY_MS, ORPHAN_GRACE_MS, STRANGER_GRACE_MS } from './limits.js';

/** Argument by which a supervised process is known. */
export const SUPERVISED_FLAG = '--supervised';

/**
 * Resolves when the directory is free.
 * @throws StorageError `locked` when somebody holds it who is no orphan, or cannot be ended.
 */
export async function endOrphan(root: string, log: (message: string) => void): Promise<void> {
  const deadlineMs = performance.now() + ORPHAN_GRACE_MS;
  let isKilled = false;
  for (;;) {
    const holder = holderOf(root);
    if (holder === 'free') return;
    if (holder === undefined || !(await isSupervised(holder, root))) {
      // It may be one that ends this moment; otherwise it is not ours to end.
      if (performance.now() > deadlineMs - ORPHAN_GRACE_MS + STRANGER_GRACE_MS) {
        lockDirectory(root).release();
      }
    } else if (performance.now() > deadlineMs && !isKilled) {
      log(`process ${holder} of a supervisor that is gone holds ${root} still; it is killed`);
      process.kill(holder, 'SIGKILL');
      isKilled = true;
    } else if (performance.now() > deadlineMs + ORPHAN_GRACE_MS) {
      lockDirectory(root).release();
      return;
    }
    await sleep(LOCK_RETRY_MS);
  }
}

function holderOf(root: string): number | 'free' | undefined {
  try {
    lockDirectory(root).release();
    return 'free';
  } catch (error) {
    if (error instanceof StorageError && error.code === 'locked') return error.detail.pid;
    throw error;
  }
}

/** Looks at the command line of the process, where the system shows it. */
async function isSupervised(pid: number, root: string): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const words = text.split('\0');
  return words.includes(SUPERVISED_FLAG) && words.includes(root);
}
