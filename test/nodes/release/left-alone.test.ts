/** The process of a supervisor that was killed ends, however early that was. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, it } from 'vitest';

import { STANDBY_VARIABLE } from '../../../nodes/release/messages.js';
import { SUPERVISED_FLAG } from '../../../nodes/release/orphan.js';
import { SupervisedChild } from '../../../nodes/release/supervised.js';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'left-alone-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a process that a supervisor started', () => {
  it('drains when the channel was closed before it listened', async () => {
    const child = new SupervisedChild({
      connected: false,
      send: () => false,
      on: () => undefined,
      once: () => undefined,
    });
    await expect(child.drain).resolves.toEqual({ isHandOver: false });
    await child.leave;
  });

  it.each([0, 300])('ends when its supervisor goes %i ms after it began', async (delayMs) => {
    const args = ['node', 'start', '--json', '--data', join(folder, 'none'), SUPERVISED_FLAG];
    const child = fork(MAIN, args, {
      env: { ...process.env, [STANDBY_VARIABLE]: '1' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const ended = once(child, 'exit');
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    child.disconnect();
    const late = setTimeout(() => child.kill('SIGKILL'), 100_000);
    expect(await ended).toEqual([0, null]);
    clearTimeout(late);
  });
});
