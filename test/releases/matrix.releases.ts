/**
 * The previous build and this one in one swarm: leader, follower and a node that joins, each of either.
 * A swarm that the previous build created goes on in its form until all members read the next one.
 */
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { SwarmClient } from '../../src/client/index.js';
import { freePort, scratch } from '../e2e/support/directories.js';
import { NodeProcess, run } from '../e2e/support/processes.js';
import type { SpawnOptions } from '../e2e/support/processes.js';
import { connectTo, statusOf } from '../e2e/support/swarm.js';
import type { Created } from '../e2e/support/swarm.js';
import { previousBuild } from './previous.js';
import './supervised.js';
import { Writes } from './writes.js';
import { until } from '../waiting.js';

const BUILDS: Readonly<Record<'previous' | 'current', SpawnOptions>> = {
  previous: { command: join(previousBuild(), 'dist', 'src', 'cli', 'main.js') },
  current: {},
};
type Build = keyof typeof BUILDS;

interface Node {
  readonly directory: string;
  readonly peerId: string;
  readonly address: string;
  process: NodeProcess;
  build: Build;
}

class MixedSwarm {
  readonly nodes: Node[] = [];

  private constructor(readonly created: Created) {}

  /** Two voters of the previous build. */
  static async start(): Promise<MixedSwarm> {
    const directory = scratch('node');
    const listen = `127.0.0.1:${await freePort()}`;
    const init = ['swarm', 'init', '--data', directory, '--listen', listen, '--json'];
    const { stdout, stderr } = await run(init, BUILDS.previous);
    expect(stderr).toBe('');
    const swarm = new MixedSwarm(JSON.parse(stdout) as Created);
    await swarm.#start(directory, [], 'previous');
    await swarm.join('previous');
    return swarm;
  }

  async join(build: Build): Promise<Node> {
    const directory = scratch('node');
    return this.#start(directory, await this.joinArguments(), build);
  }

  async joinArguments(): Promise<string[]> {
    const { address, joinToken } = this.created;
    const listen = `127.0.0.1:${await freePort()}`;
    return ['--listen', listen, '--join', address, '--token', joinToken];
  }

  /** Ends a node as an operator does, and starts it with a build. */
  async restart(node: Node, build: Build): Promise<void> {
    await node.process.terminate();
    node.process = await NodeProcess.start(['--data', node.directory], BUILDS[build]);
    node.build = build;
  }

  async connect(): Promise<SwarmClient> {
    const addresses = this.nodes.map(({ address }) => address);
    // The previous build knows no operator tokens.
    return connectTo({ ...this.created, operatorToken: this.created.clientToken, addresses });
  }

  async leader(client: SwarmClient): Promise<Node> {
    return until('somebody leads', async () => {
      const { leader, members } = await client.status({ deadlineMs: 15_000 });
      const peerId = members.find(({ nodeId }) => nodeId === leader)?.peerId;
      return this.nodes.find((node) => node.peerId === peerId);
    });
  }

  /** Makes one of the two nodes lead; a leader that ends hands over to the other. */
  async makeLead(client: SwarmClient, wanted: Node): Promise<void> {
    await until(
      'the right node leads',
      async () => {
        const leader = await this.leader(client);
        if (leader === wanted) return true;
        await this.restart(leader, leader.build);
        return false;
      },
      120_000,
    );
  }

  /** Ends all processes, so that the next swarm has the machine to itself. */
  async end(): Promise<void> {
    for (const { process } of this.nodes) await process.kill();
  }

  async #start(directory: string, args: readonly string[], build: Build): Promise<Node> {
    const process = await NodeProcess.start(['--data', directory, ...args], BUILDS[build]);
    const node: Node = { ...(await process.ready()), directory, process, build };
    this.nodes.push(node);
    return node;
  }
}

/** What each member itself has, once it has applied what the furthest one has. */
async function expectOnAll({ nodes }: MixedSwarm, client: SwarmClient, ids: readonly string[]) {
  const { commitIndex } = await client.status();
  for (const { peerId, build } of nodes) {
    await until(`a node of the ${build} build has applied all`, async () => {
      return (await statusOf(client, peerId)).appliedIndex >= commitIndex;
    });
    const missing: string[] = [];
    for (const id of ids) {
      const options = { consistency: 'local', only: peerId } as const;
      if ((await client.get(id, options)).memory === null) missing.push(id);
    }
    expect(missing, `missing on a node of the ${build} build`).toEqual([]);
  }
}

const EITHER: readonly Build[] = ['previous', 'current'];
const ROWS = EITHER.flatMap((leader) =>
  EITHER.flatMap((follower) => EITHER.map((joiner) => ({ leader, follower, joiner }))),
);

describe('the previous build and this one', () => {
  it.each(ROWS)('leader $leader, follower $follower, joiner $joiner', async (row) => {
    const swarm = await MixedSwarm.start();
    const client = await swarm.connect();
    const writes = new Writes(client);
    const [first, second] = swarm.nodes as [Node, Node];
    if (row.follower === 'current') await swarm.restart(second, 'current');
    if (row.leader === 'current') await swarm.restart(first, 'current');
    await swarm.makeLead(client, first);
    const isRaised = row.leader === 'current' && row.follower === 'current';
    if (isRaised && row.joiner === 'previous') {
      // Both members read the newest form, which is written by now.
      const refused = await until('the join is refused', async () => {
        const args = ['node', 'start', '--data', scratch('late'), ...(await swarm.joinArguments())];
        const { code, stderr } = await run(args, BUILDS.previous);
        return code === 1 && stderr;
      });
      expect(refused).toContain('join with the release of the members');
    } else {
      await swarm.join(row.joiner);
    }
    expect(await writes.lost()).toEqual([]);
    expect(writes.failures).toEqual([]);
    await expectOnAll(swarm, client, writes.acknowledged);
    await swarm.end();
  });

  it('goes back from this build to the previous one while not all have it, and then forward', async () => {
    const swarm = await MixedSwarm.start();
    const third = await swarm.join('previous');
    const client = await swarm.connect();
    const writes = new Writes(client);
    const [first, second] = swarm.nodes as [Node, Node];
    for (const node of [second, third]) await swarm.restart(node, 'current');
    for (const node of [third, second]) await swarm.restart(node, 'previous');
    for (const node of [second, third, first]) await swarm.restart(node, 'current');
    expect(await writes.lost()).toEqual([]);
    expect(writes.failures).toEqual([]);
    await expectOnAll(swarm, client, writes.acknowledged);
    await swarm.end();
  });
});
