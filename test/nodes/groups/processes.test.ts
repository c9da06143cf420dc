import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import type { PeerAddress } from '../../../transport/rpc/rpc.js';
import { ForkedProcess } from '../../forked-process.js';
import type { Methods } from './group-process.js';
import { sleep, until } from '../../waiting.js';

const SCRIPT = fileURLToPath(new URL('group-process.js', import.meta.url));
const NODES = [1, 2, 3];
const GROUPS = Array.from({ length: 50 }, (_, at) => at + 1);
const root = mkdtempSync(join(tmpdir(), 'raft-groups-'));
const started = new Set<NodeProcess>();

afterAll(async () => {
  for (const node of started) await node.kill();
  rmSync(root, { recursive: true, force: true });
});

interface Status {
  readonly messagesSent: number;
  readonly groupsAwake: number;
  readonly leaders: { id: number; term: number; leader: number; leads: boolean }[];
}

/** A node as a process, with the same identity, directory and port each time it is started. */
class NodeProcess {
  readonly #privateKeyPem = createIdentity().privateKeyPem;
  #process!: ForkedProcess<Methods>;
  address: PeerAddress | undefined;

  constructor(readonly nodeId: number) {}

  async start(): Promise<void> {
    this.#process = new ForkedProcess(SCRIPT);
    started.add(this);
    const { nodeId } = this;
    const directory = join(root, String(nodeId));
    const port = this.address?.port ?? 0;
    const privateKeyPem = this.#privateKeyPem;
    this.address = await this.call('start', { nodeId, directory, privateKeyPem, port });
  }

  call<Name extends keyof Methods>(
    method: Name,
    ...args: Parameters<Methods[Name]>
  ): Promise<Awaited<ReturnType<Methods[Name]>>> {
    return this.#process.call(method, ...args);
  }

  async status(): Promise<Status> {
    return (await this.call('status')) as Status;
  }

  async kill(): Promise<void> {
    await this.#process.kill();
  }
}

/** Waits until each group has a leader that all of `nodes` follow; returns who leads what. */
function leaders(nodes: readonly NodeProcess[]): Promise<Map<number, NodeProcess>> {
  return until('a leader of every group', async () => {
    const statuses = await Promise.all(nodes.map((node) => node.status()));
    const found = new Map<number, NodeProcess>();
    for (const id of GROUPS) {
      const seen = statuses.map(({ leaders }) => leaders.find((each) => each.id === id));
      const at = seen.findIndex((each) => each?.leads === true);
      const [leader, term] = [nodes[at]?.nodeId, seen[at]?.term];
      if (seen.some((each) => each?.leader !== leader || each?.term !== term)) return undefined;
      found.set(id, nodes[at] as NodeProcess);
    }
    return found;
  });
}

/** Waits until all groups sleep everywhere, then sees that nobody says anything. */
async function expectSilence(nodes: readonly NodeProcess[]): Promise<void> {
  const statuses = () => Promise.all(nodes.map((node) => node.status()));
  await until('all groups asleep', async () => {
    return (await statuses()).every(({ groupsAwake }) => groupsAwake === 0) || undefined;
  });
  const before = (await statuses()).map(({ messagesSent }) => messagesSent);
  await sleep(1_500);
  const after = await statuses();
  expect(after.map(({ messagesSent }) => messagesSent)).toEqual(before);
  expect(after.map(({ groupsAwake }) => groupsAwake)).toEqual(nodes.map(() => 0));
}

describe('fifty groups on three processes', () => {
  it('sleep, serve, lose the process of many leaders, and take it back', async () => {
    const nodes = NODES.map((id) => new NodeProcess(id));
    await Promise.all(nodes.map((node) => node.start()));
    const introduce = async (some: readonly NodeProcess[]): Promise<void> => {
      const peers = nodes.map((node): [number, PeerAddress] => [node.nodeId, node.address!]);
      await Promise.all(some.map((node) => node.call('setPeers', peers)));
    };
    await introduce(nodes);
    await Promise.all(nodes.map((node) => node.call('open', GROUPS, NODES)));
    const first = await leaders(nodes);
    await Promise.all(
      [...first].map(async ([id, leader]) => {
        expect(await leader.call('propose', id, `first of ${id}`)).toBe(1);
      }),
    );
    await expectSilence(nodes);

    const led = (node: NodeProcess) => [...first.values()].filter((each) => each === node).length;
    const killed = nodes.reduce((a, b) => (led(b) > led(a) ? b : a));
    expect(led(killed)).toBeGreaterThan(0);
    await killed.kill();
    const left = nodes.filter((node) => node !== killed);
    const second = await leaders(left);
    await Promise.all(
      [...second].map(async ([id, leader]) => {
        expect(await leader.call('propose', id, `second of ${id}`)).toBe(2);
      }),
    );

    await killed.start();
    await introduce([killed]);
    await killed.call('open', GROUPS, null);
    await leaders(nodes);
    await Promise.all(
      GROUPS.map(async (id) => {
        expect(await killed.call('read', id)).toEqual([`first of ${id}`, `second of ${id}`]);
      }),
    );
    await expectSilence(nodes);
  });
});
