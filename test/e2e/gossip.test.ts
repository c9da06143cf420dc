/** What each node of real processes holds of the others, as `swarm status` tells. */
import { beforeAll, describe, expect, it } from 'vitest';

import type { SwarmClient } from '../../src/client/index.js';
import { run } from './support/processes.js';
import { until } from '../waiting.js';
import { Swarm, statusOf } from './support/swarm.js';

let swarm: Swarm;
let client: SwarmClient;

beforeAll(async () => {
  swarm = await Swarm.start({ nodes: 3 });
  client = await swarm.connect();
});

/** What node `by` holds of node `about`. */
async function held(by: number, about: number) {
  const { members } = await statusOf(client, swarm.member(by).peerId);
  return members.find(({ nodeId }) => nodeId === about)?.gossip;
}

async function allHold(by: readonly number[], about: number, status: string): Promise<void> {
  const what = `nodes ${by.join(', ')} hold node ${about} for ${status}`;
  const asked = async (): Promise<boolean> => {
    for (const node of by) {
      if ((await held(node, about))?.status !== status) return false;
    }
    return true;
  };
  await until(what, asked);
}

describe('gossip of three processes', () => {
  it('knows all of them, and what they say of themselves', async () => {
    for (const about of [1, 2, 3]) await allHold([1, 2, 3], about, 'alive');
    const started = (await held(1, 3))?.metadata?.started ?? 0;
    expect(Math.abs(started - Date.now() / 1_000)).toBeLessThan(600);
  });

  it('takes one that is killed for dead, everywhere, and for alive when it is back', async () => {
    const before = (await held(1, 3))?.metadata?.started ?? Infinity;
    await swarm.member(3).process.kill();
    await allHold([1, 2], 3, 'dead');
    const { stdout } = await run(['swarm', 'status', ...swarm.through(1)]);
    expect(stdout).toMatch(/^3 .* dead /m);
    await swarm.restart(3);
    await allHold([1, 2], 3, 'alive');
    await allHold([3], 1, 'alive');
    expect((await held(1, 3))?.metadata?.started).toBeGreaterThanOrEqual(before);
  });

  it('knows who left on purpose', async () => {
    const { code } = await swarm.member(3).process.terminate();
    expect(code).toBe(0);
    await allHold([1, 2], 3, 'left');
  });
});
