/** A process that warms beside another is less urgent, and as urgent as before when it is to serve. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { getPriority } from 'node:os';

import { afterEach, describe, expect, it } from 'vitest';

import { LESS_URGENT_NICE } from '../../../nodes/release/limits.js';
import { lessUrgent } from '../../../nodes/release/urgency.js';

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process of several threads that says when they run. */
async function started(): Promise<{ pid: number; undo: () => void }> {
  const program = `
    const { Worker } = require('node:worker_threads');
    new Worker('setInterval(() => {}, 1000)', { eval: true }).on('online', () => console.log('on'));`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const undo = lessUrgent(child.pid);
  await once(child.stdout, 'data');
  return { pid: child.pid as number, undo };
}

/** Whether this machine lets a process be made urgent again, as a process that tries it finds. */
function mayBeUndone(): boolean {
  if (process.platform !== 'linux') return false;
  const program = `const { getPriority, setPriority } = require('node:os');
    const usual = getPriority(); setPriority(0, 19); setPriority(0, usual);`;
  return spawnSync(process.execPath, ['-e', program], { stdio: 'ignore' }).status === 0;
}

function threads(pid: number): number[] {
  if (process.platform !== 'linux') return [pid];
  return readdirSync(`/proc/${pid}/task`).map(Number);
}

describe('a process that warms', () => {
  it('is less urgent, all of its threads, where that can be undone, and then as before', async () => {
    const { pid, undo } = await started();
    const usual = getPriority();
    const less = mayBeUndone() ? Math.min(19, usual + LESS_URGENT_NICE) : usual;
    expect(new Set(threads(pid).map((id) => getPriority(id)))).toEqual(new Set([less]));
    undo();
    expect(new Set(threads(pid).map((id) => getPriority(id)))).toEqual(new Set([usual]));
    undo();
  });

  it('may end before it is made urgent again, or never have begun', async () => {
    const { undo } = await started();
    const child = children[0] as ChildProcess;
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(undo).not.toThrow();
    expect(lessUrgent(undefined)).not.toThrow();
  });
});
