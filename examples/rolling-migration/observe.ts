/** Reads back what the nodes hold, each from its own store. */

import type { SwarmClient } from '../../src/client/index.js';
import type { Edge } from '../../src/memory/engine.js';
import type { ClusterNode } from './cluster.js';
import { DemoError } from './demo-error.js';
import type { Operation } from './history.js';
import { limits } from './limits.js';
import type { SourceRows } from './source.js';
import type { Baseline, NodeObservation } from './verify.js';

/** What v1 serves, read through one node before anything is written. */
export async function observeBaseline(
  client: SwarmClient,
  node: ClusterNode,
  rows: SourceRows,
): Promise<Baseline> {
  const contents = new Map<string, string>();
  const { peerId: only } = node;
  await forEach(rows.memoryIds, async (id) => {
    const { memory } = await client.get(id, { only, consistency: 'local' });
    if (memory !== null) contents.set(id, memory.content);
  });
  const { counts, engine } = await client.counts({ only });
  if (engine !== 'v1') throw new DemoError('source', `node ${node.nodeId} does not start on v1`);
  return { rows, contents, counts };
}

/** Reads every memory and edge of v1 and of the load from one node, once it applied `index`. */
export async function observeNode(
  client: SwarmClient,
  node: Pick<ClusterNode, 'nodeId' | 'peerId'>,
  rows: SourceRows,
  operations: readonly Operation[],
  index: number,
): Promise<NodeObservation> {
  const { nodeId, peerId: only } = node;
  await applied(client, node, index);
  const local = { only, consistency: 'local' } as const;
  const written = operations.filter((each) => each.kind === 'insert').map((each) => each.id);
  const contents = new Map<string, string | null>();
  await forEach([...new Set([...rows.memoryIds, ...written])], async (id) => {
    contents.set(id, (await client.get(id, local)).memory?.content ?? null);
  });
  const linked = operations.filter((each) => each.edge !== null).map((each) => each.id);
  const edges = new Map<string, readonly Edge[]>();
  await forEach([...new Set([...rows.links.map((link) => link.from), ...linked])], async (id) => {
    edges.set(id, (await client.edges(id, local)).edges);
  });
  const { counts, engine } = await client.counts({ only });
  const { swarmVersion } = await client.status({ only });
  return { nodeId, engine, swarmVersion, counts, contents, edges };
}

async function applied(
  client: SwarmClient,
  node: Pick<ClusterNode, 'nodeId' | 'peerId'>,
  index: number,
): Promise<void> {
  const deadlineMs = performance.now() + limits.catchUpTimeoutMs;
  for (;;) {
    const { appliedIndex } = await client.counts({ only: node.peerId });
    if (appliedIndex >= index) return;
    if (performance.now() > deadlineMs) {
      throw new DemoError(
        'timeout',
        `node ${node.nodeId} applied the log up to ${appliedIndex}, not up to the last ` +
          `acknowledged write at ${index}, ${limits.catchUpTimeoutMs / 1000} s after the load ended`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, limits.pollMs));
  }
}

/** Runs `visit` for all, a bounded number at a time. */
async function forEach<T>(list: readonly T[], visit: (each: T) => Promise<void>): Promise<void> {
  const pending = list.values();
  const walk = async (): Promise<void> => {
    for (const each of pending) await visit(each);
  };
  await Promise.all(Array.from({ length: limits.readsPerNode }, walk));
}
