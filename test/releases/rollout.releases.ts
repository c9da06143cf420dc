/** Rollouts from one build to another on three supervised nodes. */
import { expect, it } from 'vitest';

import type { SwarmClient } from '../../src/client/index.js';
import { freePort, scratch } from '../e2e/support/directories.js';
import { NodeProcess, run } from '../e2e/support/processes.js';
import { connectTo, initSwarm, until } from '../e2e/support/swarm.js';
import type { Created } from '../e2e/support/swarm.js';
import { DIES_AS_STANDBY, DIES_WITH_DIRECTORY, copyBuild, diesAfter } from './builds.js';
import { add, killNow, recordOf, statusOf, untilServing } from './supervised.js';
import { Writes } from './writes.js';

const NODES = 3;
const TEN_MINUTES = 600_000;

interface Supervised {
  readonly created: Created & { readonly directory: string };
  readonly directories: string[];
  readonly supervisors: NodeProcess[];
  readonly client: SwarmClient;
  readonly first: string;
}

async function startSwarm(): Promise<Supervised> {
  const created = await initSwarm();
  const directories = [created.directory];
  const supervisors = [await NodeProcess.start(['--data', created.directory, '--supervise'])];
  while (directories.length < NODES) {
    const directory = scratch('node');
    const listen = `127.0.0.1:${await freePort()}`;
    const to = ['--listen', listen, '--join', created.address, '--token', created.joinToken];
    supervisors.push(await NodeProcess.start(['--data', directory, ...to, '--supervise']));
    directories.push(directory);
  }
  const addresses = await Promise.all(supervisors.map(async (one) => (await one.ready()).address));
  const client = await connectTo({ ...created, addresses });
  const first = (await untilServing(created.directory)).main?.release ?? '';
  return { created, directories, supervisors, client, first };
}

async function addEverywhere({ directories }: Supervised, folder: string): Promise<string> {
  const names = await Promise.all(directories.map((each) => add(each, folder)));
  return names[0] ?? '';
}

async function rollout({ created }: Supervised, ...args: string[]) {
  const finished = await run(['rollout', ...args, '--data', created.directory]);
  return { ...finished, said: finished.stdout + finished.stderr };
}

async function untilStatus({ client }: Supervised, wanted: readonly string[]): Promise<void> {
  await until(
    `the rollout is ${wanted.join(' or ')}`,
    async () => {
      const { rollout: now } = await client.status({ deadlineMs: 30_000 });
      return now !== null && wanted.includes(now.status);
    },
    TEN_MINUTES,
  );
}

async function expectRelease({ directories }: Supervised, release: string): Promise<void> {
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
  const swarm = await startSwarm();
  const second = await addEverywhere(swarm, copyBuild('second'));
  const writes = new Writes(swarm.client);
  const started = await rollout(swarm, 'start', second, '--soak', '1s', '--no-wait');
  expect(started.code, started.said).toBe(0);
  await untilStatus(swarm, ['finalized']);
  await expectRelease(swarm, second);
  expect((await recordOf(swarm.created.directory)).fallback).toBe(swarm.first);
  const back = await rollout(swarm, 'rollback', '--no-wait');
  expect(back.code, back.said).toBe(0);
  await untilStatus(swarm, ['rolledBack']);
  await expectRelease(swarm, swarm.first);
  await expectKept(writes);
});

it('a build that cannot start, or dies at once or later, is gone without a human', async () => {
  const swarm = await startSwarm();
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
});

it('goes on when the node that switches and its supervisor are killed', async () => {
  const swarm = await startSwarm();
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
  swarm.supervisors[at.index] = await NodeProcess.start(['--data', at.directory, '--supervise']);
  await untilStatus(swarm, ['finalized']);
  await expectRelease(swarm, second);
  await expectKept(writes);
});
