/** One supervised node: what an operator does with it, and what it does by itself. */
import { statSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { NodeProcess, run } from '../e2e/support/processes.js';
import { connectTo, initSwarm, until } from '../e2e/support/swarm.js';
import { DIES_AS_STANDBY, DIES_WITH_DIRECTORY, copyBuild, diesAfter } from './builds.js';
import { add, killNow, recordOf, socketOf, statusOf, untilServing, use } from './supervised.js';

async function supervised() {
  const created = await initSwarm();
  const node = await NodeProcess.start(['--data', created.directory, '--supervise']);
  const { main } = await untilServing(created.directory);
  return { ...created, node, first: main?.release ?? '' };
}

describe('a supervised node', () => {
  it('hands over to another release, and back, without a lost answer', async () => {
    const { directory, first, node, ...created } = await supervised();
    const second = await add(directory, copyBuild('second'));
    const client = await connectTo(created);
    await client.insert({ id: 'kept', content: 'written under the first release' });
    let isOver = false;
    const failures: unknown[] = [];
    let answers = 0;
    const reading = (async () => {
      while (!isOver) {
        const { memory } = await client.get('kept').catch((error: unknown) => {
          failures.push(error);
          return { memory: null };
        });
        if (memory !== null) answers += 1;
      }
    })();
    await use(directory, second);
    expect((await statusOf(directory)).main?.release).toBe(second);
    await use(directory, first);
    isOver = true;
    await reading;
    expect(failures).toEqual([]);
    expect(answers).toBeGreaterThan(10);
    expect(await recordOf(directory)).toMatchObject({ current: first, fallback: null });
    expect(statSync(socketOf(directory)).mode & 0o777).toBe(0o600);
    const { code } = await node.terminate();
    expect(code).toBe(0);
  });

  it('goes on serving when the other release does not start', async () => {
    const { directory, first } = await supervised();
    const { main } = await statusOf(directory);
    const broken = await add(directory, copyBuild('broken', DIES_AS_STANDBY));
    await expect(use(directory, broken)).rejects.toThrow('it ended with code 3');
    const after = await statusOf(directory);
    expect(after.main).toEqual(main);
    expect(after.failed?.release).toBe(broken);
    expect(await recordOf(directory)).toMatchObject({ current: first });
  });

  it('goes back when the other release dies with the directory in its hands', async () => {
    const { directory, first } = await supervised();
    const broken = await add(directory, copyBuild('broken', DIES_WITH_DIRECTORY));
    await expect(use(directory, broken)).rejects.toThrow('it ended with code 4');
    const after = await untilServing(directory, first);
    expect(after.failed).toMatchObject({ release: broken, reason: 'it ended with code 4' });
  });

  it('is started again when it dies, whatever it runs', async () => {
    const { directory, ...created } = await supervised();
    const { main } = await statusOf(directory);
    killNow(main?.pid);
    const again = await until('another process serves', async () => {
      const status = await statusOf(directory);
      return status.main?.stage === 'ready' && status.main.pid !== main?.pid ? status : undefined;
    });
    expect(again.restarts).toBe(1);
    const dying = await add(directory, copyBuild('dying', diesAfter(1_500)));
    await use(directory, dying);
    const later = await until('it has died and come back', async () => {
      const status = await statusOf(directory);
      return status.restarts >= 2 && status.main?.stage === 'ready' ? status : undefined;
    });
    expect(later.main?.release).toBe(dying);
    const client = await connectTo(created);
    expect((await client.status()).serving).toBe(true);
  });

  it('has one supervisor, and says so', async () => {
    const { directory } = await supervised();
    const { code, stderr } = await run(['node', 'start', '--data', directory, '--supervise']);
    expect(code).toBe(1);
    expect(stderr).toContain('is in use by process');
    const use = await run(['release', 'use', '9.9.9+nothing', '--data', directory]);
    expect(use.code).toBe(1);
    expect(use.stderr).toContain('knows no release 9.9.9+nothing');
  });
});
