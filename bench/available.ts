import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Nodes } from '../examples/disaster-recovery/nodes.js';
import { Namespace } from '../nodes/available/namespace.js';
import type { SwarmClient } from '../src/client/index.js';
import { type Bench, type Measurements, median, quantile } from './harness.js';

export interface AvailableSize {
  /** Put into a namespace of this process, and through a node. */
  readonly inProcess: number;
  readonly throughNode: number;
  /** Under way at the same time. */
  readonly underWay: number;
  /** Written by one member while the other two are stopped. */
  readonly whileStopped: number;
  /** Published one by one for their times, and as many as go for their number. */
  readonly messagesForTime: number;
  readonly messagesForNumber: number;
}

const usual: AvailableSize = {
  inProcess: 20_000,
  throughNode: 2_000,
  underWay: 64,
  whileStopped: 1_000,
  messagesForTime: 300,
  messagesForNumber: 6_000,
};

const NAMESPACE = 'bench';
const CONTENT = 'x'.repeat(200);
/** Longer than a connection is kept without an answer. */
const STOPPED_MS = 8_000;
const CONVERGED_MS_MAX = 120_000;
const LOOK_EVERY_MS = 20;
/** A channel lets one node publish so many messages a second: several of them show what a node can do. */
const TOPICS = 16;
const DELIVERED_MS_MAX = 60_000;

/** What available namespaces and topics do in real nodes, all on this machine. */
export function availableBench(size: AvailableSize = usual): Bench {
  return {
    description:
      'available namespaces: writes by one member alone, convergence after a part was away; topics through nodes',
    roundsDefault: 3,
    metrics: {
      'writes-one-by-one': '1/s',
      'writes-under-way': '1/s',
      converged: 'ms',
      'messages-published': '1/s',
      'messages-delivered': '1/s',
      'delivery-median': 'ms',
      'delivery-p99': 'ms',
    },
    subjects: [
      { name: 'a namespace', run: () => inProcess(size) },
      { name: 'a node alone', run: () => withNodes(1, (nodes) => throughNode(nodes, size)) },
      { name: 'after a heal', run: () => withNodes(3, (nodes) => afterHeal(nodes, size)) },
      {
        name: 'topics of a swarm',
        run: () => withNodes(2, (nodes) => topics(nodes, size), { topics: true }),
      },
    ],
    ratios: [],
    notes: () => [
      'a write is counted when an fdatasync covers it; a node makes the vector of each memory first, the namespace in this process gets none',
      `two of three members are stopped by SIGSTOP for ${STOPPED_MS} ms, while the third takes ${size.whileStopped} writes; the time is from SIGCONT until both have all`,
      `${TOPICS} topics, published at one node and subscribed to at the other; delivery is from the call of publish to the reader`,
    ],
  };
}

function nothing(): void {
  // Nobody else holds the namespace.
}

async function inProcess({ inProcess: writes, underWay }: AvailableSize): Promise<Measurements> {
  const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
  const ports = { nodeId: 1, send: nothing, sendState: nothing, changed: nothing, log: nothing };
  const namespace = await Namespace.open(join(folder, 'file'), NAMESPACE, ports);
  try {
    const put = (at: number): Promise<void> =>
      namespace.put(`${at}`, {
        content: CONTENT,
        metadata: {},
        by: 'bench',
        atMs: at,
        vector: null,
      });
    return await writesOf(put, writes, underWay);
  } finally {
    await namespace.close();
    rmSync(folder, { recursive: true });
  }
}

async function throughNode(nodes: Nodes, size: AvailableSize): Promise<Measurements> {
  const client = await nodes.connect();
  const put = async (at: number): Promise<void> => {
    await client.available.put(NAMESPACE, { id: `${at}`, content: `${CONTENT} ${at}` });
  };
  return writesOf(put, size.throughNode, size.underWay);
}

/** A tenth of the writes one by one, then all with so many under way. */
async function writesOf(
  put: (at: number) => Promise<void>,
  writes: number,
  underWay: number,
): Promise<Measurements> {
  const few = Math.ceil(writes / 10);
  const alone = await perSecond(few, 1, put);
  return {
    'writes-one-by-one': alone,
    'writes-under-way': await perSecond(writes, underWay, (at) => put(few + at)),
  };
}

async function perSecond(
  count: number,
  underWay: number,
  work: (at: number) => Promise<void>,
): Promise<number> {
  const startedMs = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: underWay }, worker));
  return (count * 1_000) / (performance.now() - startedMs);
}

async function afterHeal(nodes: Nodes, { whileStopped }: AvailableSize): Promise<Measurements> {
  const client = await nodes.connect();
  const [first, ...others] = nodes.running;
  if (first === undefined) throw new Error('a swarm has nodes');
  await client.available.put(NAMESPACE, { id: 'first', content: CONTENT });
  const haveAll = async (count: number): Promise<void> => {
    const deadlineMs = performance.now() + CONVERGED_MS_MAX;
    for (const { peerId: only } of others) {
      while ((await memoriesAt(client, only)) < count) {
        if (performance.now() > deadlineMs) throw new Error(`a member has not all ${count} yet`);
        await sleep(LOOK_EVERY_MS);
      }
    }
  };
  await haveAll(1);
  for (const { child } of others) child.signal('SIGSTOP');
  const stoppedMs = performance.now();
  await perSecond(whileStopped, 16, async (at) => {
    const memory = { id: `${at}`, content: `${CONTENT} ${at}` };
    await client.available.put(NAMESPACE, memory, { only: first.peerId });
  });
  await sleep(Math.max(0, STOPPED_MS - (performance.now() - stoppedMs)));
  const healedMs = performance.now();
  for (const { child } of others) child.signal('SIGCONT');
  await haveAll(whileStopped + 1);
  return { converged: performance.now() - healedMs };
}

async function memoriesAt(client: SwarmClient, only: string): Promise<number> {
  try {
    const { namespaces } = await client.available.namespaces({ only });
    return namespaces.find(({ name }) => name === NAMESPACE)?.memories ?? 0;
  } catch {
    // It is not connected again yet.
    return 0;
  }
}

async function topics(nodes: Nodes, size: AvailableSize): Promise<Measurements> {
  const [at, from] = nodes.running.map(({ peerId }) => peerId);
  const [publisher, reader] = [await nodes.connect(), await nodes.connect()];
  const startedMs = new Map<number, number>();
  const deliveredMs = new Map<number, number>();
  const names = Array.from({ length: TOPICS }, (_, topic) => `topic-${topic}`);
  const subscriptions = [];
  for (const name of names) {
    const subscription = await reader.topics.subscribe(name, deliveredBy(from));
    subscriptions.push(subscription);
    void (async () => {
      for await (const { message } of subscription) {
        const { n } = message as { n: number };
        if (n >= 0) deliveredMs.set(n, performance.now());
      }
    })().catch(() => undefined);
  }
  const publish = async (n: number): Promise<number> => {
    if (n >= 0) startedMs.set(n, performance.now());
    const name = names[Math.max(0, n) % TOPICS] ?? '';
    return (await publisher.topics.publish(name, { n, text: CONTENT }, deliveredBy(at))).members;
  };
  try {
    await untilReached(names, publisher, at);
    for (let n = 0; n < size.messagesForTime; n += 1) {
      await publish(n);
      await arrived(deliveredMs, n + 1);
    }
    const timesMs = [...deliveredMs].map(([n, ms]) => ms - (startedMs.get(n) ?? ms));
    const all = size.messagesForTime + size.messagesForNumber;
    const beganMs = performance.now();
    const published = await perSecond(size.messagesForNumber, TOPICS * 4, async (number) => {
      await publish(size.messagesForTime + number);
    });
    await arrived(deliveredMs, all);
    const lastMs = Math.max(...deliveredMs.values());
    return {
      'messages-published': published,
      'messages-delivered': (size.messagesForNumber * 1_000) / (lastMs - beganMs),
      'delivery-median': median(timesMs),
      'delivery-p99': quantile(timesMs, 0.99),
    };
  } finally {
    for (const subscription of subscriptions) subscription.close();
  }
}

function deliveredBy(only: string | undefined): { readonly only: string } {
  if (only === undefined) throw new Error('a swarm has nodes');
  return { only };
}

/** Until the node that publishes knows that the other one wants each of the topics. */
async function untilReached(
  names: readonly string[],
  publisher: SwarmClient,
  at: string | undefined,
): Promise<void> {
  const deadlineMs = performance.now() + DELIVERED_MS_MAX;
  for (const name of names) {
    const message = { n: -1, text: '' };
    while ((await publisher.topics.publish(name, message, deliveredBy(at))).members === 0) {
      if (performance.now() > deadlineMs) throw new Error('the nodes do not find each other');
      await sleep(LOOK_EVERY_MS);
    }
  }
}

async function arrived(delivered: ReadonlyMap<number, number>, count: number): Promise<void> {
  const deadlineMs = performance.now() + DELIVERED_MS_MAX;
  while (delivered.size < count) {
    if (performance.now() > deadlineMs) {
      throw new Error(`${count - delivered.size} of ${count} messages have not arrived`);
    }
    await new Promise(setImmediate);
  }
}

async function withNodes(
  count: number,
  work: (nodes: Nodes) => Promise<Measurements>,
  { topics: hasTopics = false }: { readonly topics?: boolean } = {},
): Promise<Measurements> {
  const root = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
  const started: Nodes[] = [];
  const env = hasTopics ? { AGENTIC_FLOW_TOPICS_LISTEN: '127.0.0.1:0' } : {};
  try {
    const options = { root, name: 'node', nodes: count, launch: { env } };
    return await work(await Nodes.start(options, (nodes) => started.push(nodes)));
  } finally {
    for (const nodes of started) await nodes.kill();
    rmSync(root, { recursive: true });
  }
}
