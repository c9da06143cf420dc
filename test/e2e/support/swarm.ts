/** A swarm of real processes on the loopback. */

import { afterAll } from 'vitest';

import { SwarmClient } from '../../../src/client/index.js';
import type { SwarmStatus } from '../../../src/client/index.js';
import { parsePeerAddress } from '../../../transport/identity/index.js';
import { freePort, scratch } from './directories.js';
import { NodeProcess, runWarm } from './processes.js';
import type { Ready, SpawnOptions } from './processes.js';
import { until } from '../../waiting.js';

/** What `swarm init --json` prints. */
export interface Created {
  readonly swarmId: string;
  readonly peerId: string;
  readonly address: string;
  readonly joinToken: string;
  readonly clientToken: string;
  readonly operatorToken: string;
}

export interface Member extends Ready {
  readonly directory: string;
  process: NodeProcess;
}

const clients = new Set<SwarmClient>();
afterAll(async () => {
  for (const client of clients) await client.close();
});

/** Creates a swarm of one node, which does not run yet. */
export async function initSwarm(
  from?: string,
  directory = scratch('node'),
): Promise<Created & { readonly directory: string }> {
  const listen = `127.0.0.1:${await freePort()}`;
  const source = from === undefined ? [] : ['--from', from];
  const args = ['swarm', 'init', '--data', directory, '--listen', listen, ...source];
  const { code, stdout, stderr } = await runWarm([...args, '--json']);
  if (code !== 0) throw new Error(`no swarm was created: ${stderr}`);
  return { ...(JSON.parse(stdout) as Created), directory };
}

/** A client of a swarm that may steer it, by the addresses of some of its members; closed after the tests. */
export async function connectTo(
  swarm: Created & { readonly addresses?: readonly string[] },
): Promise<SwarmClient> {
  const addresses = swarm.addresses ?? [swarm.address];
  const seeds = addresses.map(parsePeerAddress);
  const client = await SwarmClient.connect({ seeds, token: swarm.operatorToken });
  clients.add(client);
  return client;
}

/** Members of one swarm, in the order of their node ids. */
export class Swarm {
  readonly members: Member[] = [];

  private constructor(
    readonly created: Created,
    readonly spawn: SpawnOptions,
  ) {}

  /** `spawn`: how the processes of its nodes are started. */
  static async start(options: {
    nodes: number;
    from?: string;
    /** Of the first node. */
    directory?: string;
    spawn?: SpawnOptions;
  }): Promise<Swarm> {
    const created = await initSwarm(options.from, options.directory);
    const swarm = new Swarm(created, options.spawn ?? {});
    await swarm.#start(created.directory, []);
    while (swarm.members.length < options.nodes) await swarm.join();
    return swarm;
  }

  /** Starts one more node, until it serves. */
  async join(): Promise<Member> {
    const { address, joinToken } = this.created;
    const listen = `127.0.0.1:${await freePort()}`;
    const to = ['--listen', listen, '--join', address, '--token', joinToken];
    return this.#start(scratch('node'), to);
  }

  member(nodeId: number): Member {
    const member = this.members.find((each) => each.nodeId === nodeId);
    if (member === undefined) throw new Error(`node ${nodeId} is no member of this test`);
    return member;
  }

  /** Starts a member again that was ended, with its directory alone. */
  async restart(nodeId: number): Promise<void> {
    const member = this.member(nodeId);
    member.process = await NodeProcess.start(['--data', member.directory], this.spawn);
  }

  /** A client that knows all members by their addresses. */
  async connect(): Promise<SwarmClient> {
    const addresses = this.members.map(({ address }) => address);
    return connectTo({ ...this.created, addresses });
  }

  /** Options of a command that reaches this swarm without a directory. */
  through(nodeId: number, token = this.created.operatorToken): string[] {
    return ['--peer', this.member(nodeId).address, '--token', token];
  }

  async #start(directory: string, options: readonly string[]): Promise<Member> {
    const process = await NodeProcess.start(['--data', directory, ...options], this.spawn);
    const member = { ...(await process.ready()), directory, process };
    this.members.push(member);
    return member;
  }
}

/** Waits until every member of the test has applied the log as far as the furthest one knows it. */
export async function settled(swarm: Swarm, client: SwarmClient): Promise<void> {
  const { commitIndex } = await client.status();
  for (const { nodeId, peerId } of swarm.members) {
    await until(`node ${nodeId} has applied ${commitIndex}`, async () => {
      const { appliedIndex } = await statusOf(client, peerId);
      return appliedIndex >= commitIndex;
    });
  }
}

/** What one member says of the swarm; asked again while it is not connected. */
export async function statusOf(client: SwarmClient, peerId: string): Promise<SwarmStatus> {
  return client.status({ only: peerId, deadlineMs: 60_000 });
}
