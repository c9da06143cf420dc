/**
 * How long a node of three answers nobody while it hands over: from the last answer of the old process
 * to the first of the new one, to a client that asks this node alone; and the same of the whole swarm.
 * Prints what it measured; `ROUNDS=N` measures longer.
 */

import { expect, it } from 'vitest';

import type { SwarmClient } from '../../src/client/index.js';
import { copyBuild } from './builds.js';
import { add, use } from './supervised.js';
import { startSwarm } from './swarm.js';
import { sleep } from '../waiting.js';

const rounds = Number(process.env['ROUNDS'] ?? 2);
const INTERVAL_MS = 2;
/** Far above what is wanted: the machine may have other things to do. */
const GAP_MS_MAX = 5_000;

/** Asks all the time; `stop` tells the longest time without an answer. */
function asking(client: SwarmClient, only?: string) {
  let longestMs = 0;
  let lastMs = performance.now();
  const failures: unknown[] = [];
  const stopping = new AbortController();
  const options = { consistency: 'local', deadlineMs: 60_000 } as const;
  const done = (async () => {
    while (!stopping.signal.aborted) {
      try {
        await client.get('nothing', only === undefined ? options : { ...options, only });
        longestMs = Math.max(longestMs, performance.now() - lastMs);
        lastMs = performance.now();
      } catch (error) {
        failures.push(error);
      }
      await sleep(INTERVAL_MS);
    }
  })();
  return async (): Promise<number> => {
    stopping.abort();
    await done;
    expect(failures).toEqual([]);
    return Math.round(longestMs);
  };
}

it('a hand-over of a node of three', async () => {
  const { directories, ready, client, first } = await startSwarm(3);
  const folder = copyBuild('second');
  const second = (await Promise.all(directories.map((each) => add(each, folder))))[0] ?? '';
  const gaps: { node: number[]; swarm: number[] } = { node: [], swarm: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, directory] of directories.entries()) {
      const { leader } = await client.status();
      const { nodeId, peerId } = ready[index] ?? { nodeId: 0, peerId: '' };
      const ofNode = asking(client, peerId);
      const ofSwarm = asking(client);
      await use(directory, round % 2 === 0 ? second : first);
      await sleep(500);
      const node = await ofNode();
      const swarm = await ofSwarm();
      gaps.node.push(node);
      gaps.swarm.push(swarm);
      const role = leader === nodeId ? 'leader' : 'follower';
      process.stdout.write(`${role} ${nodeId}: node ${node} ms, swarm ${swarm} ms\n`);
    }
  }
  const middle = (each: number[]): number => each.sort((a, b) => a - b)[each.length >> 1] ?? 0;
  const said = `median: node ${middle(gaps.node)} ms, swarm ${middle(gaps.swarm)} ms`;
  process.stdout.write(
    `${said}; most: node ${gaps.node.at(-1)} ms, swarm ${gaps.swarm.at(-1)} ms\n`,
  );
  expect(Math.max(...gaps.node)).toBeLessThan(GAP_MS_MAX);
});
