/** One supervised node: what an operator does with it, and what it does by itself. */
import { statSync } from 'node:fs';

import { afterEach, describe, expect, it } from 'vitest';

import { NodeProcess, run } from '../e2e/support/processes.js';
import { connectTo, initSwarm } from '../e2e/support/swarm.js';
import { DIES_AS_STANDBY, DIES_WITH_DIRECTORY, copyBuild, diesAfter } from './builds.js';
import {
  add,
  killNow,
  recordOf,
  socketOf,
  startSupervised,
  statusOf,
  untilServing,
  use,
} from './supervised.js';
import { Writes } from './writes.js';
import { until } from '../waiting.js';

const started: NodeProcess[] = [];

async function supervised() {
  const created = await initSwarm();
  const node = await startSupervised(['--data', created.directory]);
  started.push(node);
  const { main } = await untilServing(created.directory);
  return { ...created, node, first: main?.release ?? '' };
}

describe('a supervised node', () => {
  afterEach(async () => {
    for (const node of started.splice(0)) await node.terminate();
  });

  it('hands over to another release, and back, without a lost answer', async () => {
    const { directory, first, node, ...created } = await supervised();
    const second = await add(directory, copyBuild('second'));
    const writes = new Writes(await connectTo(created));
    await use(directory, second);
    expect((await statusOf(directory)).main?.release).toBe(second);
    await use(directory, first);
    expect(await writes.lost()).toEqual([]);
    expect(writes.failures).toEqual([]);
    expect(writes.acknowledged.length).toBeGreaterThan(10);
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

  it('does not take a directory that a node without a supervisor uses', async () => {
    const { directory } = await initSwarm();
    started.push(await NodeProcess.start(['--data', directory]));
    const { code, stderr } = await run(['node', 'start', '--data', directory, '--supervise']);
    expect(code).toBe(1);
    expect(stderr).toContain(`${directory} is in use by process ${started[0]?.pid}`);
    expect(started[0]?.isRunning).toBe(true);
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
