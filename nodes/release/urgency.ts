/**
 * A release that warms beside the one that serves takes some seconds of processor time, which clients of
 * the node would wait for. On Linux its process is made less urgent for that while. Anybody may do so,
 * but make it urgent again only with CAP_SYS_NICE (capabilities(7)); without it nothing is done.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

import { LESS_URGENT_MAX_MS, LESS_URGENT_NICE } from './limits.js';

const CAP_SYS_NICE = 1n << 23n;

/**
 * Makes a process that was just started less urgent than this one, for `LESS_URGENT_MAX_MS` at most: on
 * a machine that has too much to do it would come to its end too late.
 * @returns makes it as urgent as this one; more than one call does no harm.
 */
export function lessUrgent(pid: number | undefined): () => void {
  if (pid === undefined || !mayBeUndone()) return () => undefined;
  const usual = getPriority();
  const less = Math.min(constants.priority.PRIORITY_LOW, usual + LESS_URGENT_NICE);
  // First the thread that makes the others, then those that it has made already.
  for (const thread of [pid, ...threadsOf(pid)]) setNice(thread, less);
  const timer = setTimeout(() => undo(), LESS_URGENT_MAX_MS).unref();
  let isUndone = false;
  const undo = (): void => {
    clearTimeout(timer);
    if (isUndone) return;
    isUndone = true;
    for (const thread of threadsOf(pid)) setNice(thread, usual);
  };
  return undo;
}

function mayBeUndone(): boolean {
  if (process.platform !== 'linux') return false;
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return hex !== undefined && (BigInt(`0x${hex}`) & CAP_SYS_NICE) !== 0n;
}

/** On Linux each thread has its own; new ones have that of the thread that makes them. */
function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}

function setNice(id: number, nice: number): void {
  try {
    setPriority(id, nice);
  } catch {
    // The process or thread has ended, or a sandbox forbids it: then it is as urgent as the others.
  }
}
