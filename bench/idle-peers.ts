import { keepAlives } from './idle-peers/settings.js';
import { Child } from './transport/child.js';
import type { Bench, Measurements } from './harness.js';

/** What the node tells after each step. */
export interface NodeReport {
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly cpuMicroseconds: number;
  readonly peers: number;
}

export interface IdlePeersSize {
  readonly peers: number;
  readonly idleMs: number;
}

const usual: IdlePeersSize = { peers: 1_000, idleMs: 10_000 };
/** The rest of what connecting left to do, and to collect. */
const SETTLE_MS = 3_000;

/**
 * One node with a thousand connected peers that say nothing; the peers live in another process,
 * each with a connection of its own. Memory is that of the whole process of the node, what Node
 * itself takes before the first peer included and also given apart. Goals: 150 MB, and no processor
 * time that could be measured.
 */
export function idlePeersBench(size: IdlePeersSize = usual): Bench {
  return {
    description: `memory and processor time of a node with ${size.peers} idle peers`,
    roundsDefault: 1,
    metrics: {
      resident: 'MB',
      'resident-before': 'MB',
      'a-peer': 'KB',
      heap: 'MB',
      'idle-cpu': '% of a core',
    },
    subjects: [
      ...keepAlives.map(({ name }, index) => {
        return { name, run: () => measure(size, index) };
      }),
      // What the process of a node takes by itself.
      { name: 'one peer, default settings', run: () => measure({ ...size, peers: 1 }, 0) },
    ],
    ratios: [],
  };
}

async function measure(size: IdlePeersSize, keepAlive: number): Promise<Measurements> {
  const node = new Child(new URL('./idle-peers/node.js', import.meta.url), [String(keepAlive)]);
  const peers = new Child(new URL('./idle-peers/peers.js', import.meta.url), [String(keepAlive)]);
  try {
    await Promise.all([node.ask(), peers.ask()]);
    const address = await node.ask('address');
    const before = (await node.ask('report')) as NodeReport;
    await peers.ask({ address, peers: size.peers });
    await pause(SETTLE_MS);
    const start = (await node.ask('report')) as NodeReport;
    await pause(size.idleMs);
    const end = (await node.ask('report')) as NodeReport;
    if (end.peers !== size.peers) throw new Error(`${end.peers} of ${size.peers} peers are left`);
    const grownBytes = end.residentBytes - before.residentBytes;
    return {
      resident: end.residentBytes / 1e6,
      'resident-before': before.residentBytes / 1e6,
      // One peer disappears in what the process does anyway.
      ...(size.peers > 1 ? { 'a-peer': grownBytes / 1e3 / size.peers } : {}),
      heap: end.heapBytes / 1e6,
      'idle-cpu': ((end.cpuMicroseconds - start.cpuMicroseconds) / 1e3 / size.idleMs) * 100,
    };
  } finally {
    node.close();
    peers.close();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
