import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type HostOptions, RaftHost, type ReplicatedGroup } from '../../../nodes/groups/index.js';
import { createIdentity } from '../../../transport/identity/index.js';
import { TextList } from './text-list.js';
import { until } from '../../waiting.js';

const opened: RaftHost[] = [];
const directories: string[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((host) => host.close()));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

/** Ticks of 20 ms: elections after 200 to 400 ms, sleep after 300 ms without anything to do. */
export const FAST = { tickMs: 20, electionTicks: 10, quiesceTicks: 15 } as const;

/** A node with a directory that lasts until the test ends. */
export async function openHost(
  nodeId: number,
  options: Partial<HostOptions> = {},
): Promise<RaftHost> {
  let { directory } = options;
  if (directory === undefined) {
    directory = mkdtempSync(join(tmpdir(), 'raft-groups-'));
    directories.push(directory);
  }
  const listen = { host: '127.0.0.1', port: 0 };
  const fixed = { nodeId, clusterId: 'test', identity: createIdentity(), listen };
  const host = await RaftHost.open({ ...fixed, ...FAST, ...options, directory });
  opened.push(host);
  return host;
}

/** Nodes 1 to `count` that know one another. */
export async function openHosts(
  count: number,
  options: Partial<HostOptions> = {},
): Promise<RaftHost[]> {
  const hosts = await Promise.all(
    Array.from({ length: count }, (_, at) => openHost(at + 1, options)),
  );
  introduce(hosts);
  return hosts;
}

/** Tells all nodes where the others are. */
export function introduce(hosts: readonly RaftHost[]): void {
  const peers = new Map(hosts.map((host) => [host.nodeId, host.address]));
  for (const host of hosts) host.setPeers(peers);
}

/** A member of a group and its state. */
export interface Member {
  readonly host: RaftHost;
  readonly group: ReplicatedGroup<number>;
  readonly list: TextList;
}

/** Opens a group on its founders. */
export function found(hosts: readonly RaftHost[], id: number): Promise<Member[]> {
  const members = hosts.map(({ nodeId }) => nodeId);
  return Promise.all(hosts.map((host) => open(host, id, members)));
}

export async function open(host: RaftHost, id: number, members?: number[]): Promise<Member> {
  const list = new TextList();
  const group = await host.openGroup({
    id,
    stateMachine: list,
    ...(members !== undefined && { members }),
  });
  return { host, group, list };
}

/** Waits for the member that leads; all the others of those given follow it. */
export async function leaderOf(members: readonly Member[]): Promise<Member> {
  const find = (): Member | undefined => {
    const leader = members.find(({ group }) => group.status().role === 'leader');
    const { node, term } = leader?.group.status() ?? { node: 0, term: 0 };
    const isFollowed = members.every(({ group }) => {
      const status = group.status();
      return status.leader === node && status.term === term;
    });
    return isFollowed ? leader : undefined;
  };
  await until(() => find() !== undefined);
  return find() as Member;
}
