/** Rollouts from one build to another on three supervised nodes. */
import { renameSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { run } from '../e2e/support/processes.js';
import { until } from '../waiting.js';
import { DIES_AS_STANDBY, DIES_WITH_DIRECTORY, copyBuild, diesAfter, sameBuild } from './builds.js';
import { add, killNow, recordOf, startSupervised, statusOf, untilServing } from './supervised.js';
import { endSwarm, startSwarm } from './swarm.js';
import type { SupervisedSwarm } from './swarm.js';
import { Writes } from './writes.js';

const TEN_MINUTES = 600_000;
const ENDS: readonly string[] = ['finalized', 'completed', 'rolledBack', 'aborted'];

async function addEverywhere({ directories }: SupervisedSwarm, folder: string): Promise<string> {
  // One after the other: each runs the build, which has a limit of time.
  let name = '';
  for (const each of directories) name = await add(each, folder);
  return name;
}

async function rollout({ directories }: SupervisedSwarm, ...args: string[]) {
  const finished = await run(['rollout', ...args, '--data', directories[0] ?? '']);
  return { ...finished, said: finished.stdout + finished.stderr };
}

async function untilStatus({ client }: SupervisedSwarm, wanted: readonly string[]): Promise<void> {
  await until(
    `the rollout is ${wanted.join(' or ')}`,
    async () => {
      const { rollout: now } = await client.status({ deadlineMs: 30_000 });
      if (now === null || !ENDS.includes(now.status)) return undefined;
      if (!wanted.includes(now.status)) throw new Error(`it is ${now.status}: ${now.reason}`);
      return true;
    },
    TEN_MINUTES,
  );
}

async function expectRelease({ directories }: SupervisedSwarm, release: string): Promise<void> {
  for (const directory of directories) {
    const { main } = await untilServing(directory, release);
    expect(main?.release).toBe(release);
    expect((await recordOf(directory)).current).toBe(release);
  }
}

/** Every write was answered, and is there. */
async function expectKept(writes: Writes): Promise<void> {
  expect(await writes.lost()).toEqual([]);
  expect(writes.failures).toEqual([]);
  expect(writes.acknowledged.length).toBeGreaterThan(0);
}

it('rolls forward, is final, and rolls back in its window; every write is answered', async () => {
  const swarm = await startSwarm(3);
  const second = await addEverywhere(swarm, copyBuild('second'));
  const writes = new Writes(swarm.client);
  const started = await rollout(swarm, 'start', second, '--soak', '1s', '--no-wait');
  expect(started.code, started.said).toBe(0);
  await untilStatus(swarm, ['finalized']);
  await expectRelease(swarm, second);
  expect((await recordOf(swarm.directories[0] ?? '')).fallback).toBe(swarm.first);
  const back = await rollout(swarm, 'rollback', '--no-wait');
  expect(back.code, back.said).toBe(0);
  await expectRelease(swarm, swarm.first);
  await untilStatus(swarm, ['rolledBack']);
  await expectKept(writes);
  await endSwarm(swarm);
});

it('a build that cannot start, or dies at once or later, is gone without a human', async () => {
  const swarm = await startSwarm(3);
  const builds = {
    standby: DIES_AS_STANDBY,
    directory: DIES_WITH_DIRECTORY,
    later: diesAfter(700),
  };
  const writes = new Writes(swarm.client);
  for (const [name, additions] of Object.entries(builds)) {
    const broken = await addEverywhere(swarm, copyBuild(name, additions));
    const started = await rollout(swarm, 'start', broken, '--soak', '60s', '--no-wait');
    expect(started.code, started.said).toBe(0);
    await untilStatus(swarm, ['aborted', 'rolledBack']);
    await expectRelease(swarm, swarm.first);
  }
  await expectKept(writes);
  await endSwarm(swarm);
});

it('goes on when the node that switches and its supervisor are killed', async () => {
  const swarm = await startSwarm(3);
  const second = await addEverywhere(swarm, copyBuild('second'));
  const writes = new Writes(swarm.client);
  const started = await rollout(swarm, 'start', second, '--soak', '0s', '--no-wait');
  expect(started.code, started.said).toBe(0);
  const at = await until(
    'a standby warms',
    async () => {
      for (const [index, directory] of swarm.directories.entries()) {
        const { standby } = await statusOf(directory);
        if (standby !== null) return { index, directory };
      }
      return undefined;
    },
    TEN_MINUTES,
  );
  const { main } = await statusOf(at.directory);
  killNow(main?.pid);
  await swarm.supervisors[at.index]?.kill();
  swarm.supervisors[at.index] = await startSupervised(['--data', at.directory]);
  await untilStatus(swarm, ['finalized']);
  await expectRelease(swarm, second);
  await expectKept(writes);
  await endSwarm(swarm);
});

it(
  'a way back that is stuck says on what, is not resumed, and goes on when the build is added',
  async () => {
    const folder = sameBuild('first');
    const command = join(folder, 'dist', 'src', 'cli', 'main.js');
    const swarm = await startSwarm(3, (node) => (node === 3 ? { command } : {}));
    const stuck = swarm.directories[2] ?? '';
    const second = await addEverywhere(swarm, copyBuild('second'));
    const writes = new Writes(swarm.client);
    const started = await rollout(swarm, 'start', second, '--soak', '0s', '--no-wait');
    expect(started.code, started.said).toBe(0);
    await untilStatus(swarm, ['finalized']);
    const moved = `${folder}-moved`;
    renameSync(folder, moved);
    const back = await rollout(swarm, 'rollback', '--no-wait');
    expect(back.code, back.said).toBe(0);
    await until(
      'the status says what the way back waits for',
      async () => {
        const { said } = await rollout(swarm, 'status');
        return said.includes(`goes back until ${swarm.first} starts here`) && said;
      },
      TEN_MINUTES,
    );
    const resumed = await rollout(swarm, 'resume');
    expect(resumed.code).toBe(1);
    expect(resumed.said).toContain('is going back, and is not turned round');
    const added = await run(['release', 'add', moved, '--data', stuck]);
    expect(added.code, added.stderr).toBe(0);
    await untilStatus(swarm, ['rolledBack']);
    await expectRelease(swarm, swarm.first);
    await expectKept(writes);
    await endSwarm(swarm);
  },
  3 * TEN_MINUTES,
);
