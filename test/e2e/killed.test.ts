/** Nodes that die or leave while clients write: nothing that was acknowledged is lost. */

import { beforeAll, describe, expect, it } from 'vitest';

import { Random } from '../../examples/rolling-migration/random.js';
import type { SwarmClient } from '../../src/client/index.js';
import { v1Installation } from './support/directories.js';
import { Swarm } from './support/swarm.js';
import { expectEverywhere, Writers } from './support/writers.js';
import { sleep, until } from '../waiting.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 0x7fff_ffff);
console.log(`SEED=${SEED}`);
const KILLS = 6;

let swarm: Swarm;
let client: SwarmClient;
const promised = new Map<string, string>();

beforeAll(async () => {
  swarm = await Swarm.start({ nodes: 3, from: v1Installation(5) });
  client = await swarm.connect();
});

/** Writes while `disturb` runs and a little longer. */
async function writeDuring(prefix: string, disturb: () => Promise<void>): Promise<void> {
  const writers = new Writers(swarm, client, prefix);
  await sleep(200);
  await disturb();
  const atLeast = writers.acknowledged.size + 5;
  await until('writes are acknowledged again', async () => writers.acknowledged.size >= atLeast);
  await writers.stop();
  expect(writers.failures).toEqual([]);
  for (const [id, content] of writers.acknowledged) promised.set(id, content);
}

describe('a swarm of three under writes', () => {
  it('loses no acknowledged write when one node after the other is killed', async () => {
    const random = new Random(SEED);
    await writeDuring('kill', async () => {
      for (let i = 0; i < KILLS; i += 1) {
        const { nodeId, process } = random.pick(swarm.members);
        await process.kill();
        await sleep(random.below(300));
        await swarm.restart(nodeId);
        await sleep(random.below(200));
      }
    });
    expect(promised.size).toBeGreaterThan(KILLS);
    await expectEverywhere(swarm, client, promised);
  });

  it('loses none when all are killed at once', async () => {
    await writeDuring('all', async () => {
      await Promise.all(swarm.members.map(({ process }) => process.kill()));
      await Promise.all(swarm.members.map(({ nodeId }) => swarm.restart(nodeId)));
    });
    await expectEverywhere(swarm, client, promised);
  });

  it('goes on when its leader is told to leave, and takes it back', async () => {
    const { leader } = await client.status();
    const left = swarm.member(leader);
    await writeDuring('leave', async () => {
      const ended = await left.process.terminate();
      expect(ended).toMatchObject({ code: 0, stderr: expect.stringMatching(/draining/) });
      expect(ended.stderr).toMatch(/stopped/);
      expect(ended.stderr).not.toMatch(/could not say goodbye/);
      await until('the others know that it left', async () => {
        const status = await client.status();
        const here = status.members.filter((each) => each.status === 'up');
        const gone = status.members.filter((each) => each.status === 'left');
        expect(here.length + gone.length).toBe(3);
        return gone[0]?.nodeId === leader && here.some((each) => each.nodeId === status.leader);
      });
    });
    await swarm.restart(leader);
    await until('the node is up again', async () => {
      const { members } = await client.status();
      return members.every(({ status }) => status === 'up');
    });
    await expectEverywhere(swarm, client, promised);
  });
});
