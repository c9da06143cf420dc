/** A node that was away longer than the log reaches back. */
import { describe, expect, it } from 'vitest';

import { COMPACTION_ENTRIES, TRAILING_ENTRIES } from '../../nodes/limits.js';
import { Swarm, settled } from './support/swarm.js';

const ENTRIES = COMPACTION_ENTRIES + TRAILING_ENTRIES + 200;
const CONCURRENCY = 64;
const RELATIONS = 97;

describe('a node that comes back', () => {
  it('is brought up to date by a snapshot when the log begins too late for it', async () => {
    const swarm = await Swarm.start({ nodes: 3 });
    const client = await swarm.connect();
    for (const id of ['from', 'to']) await client.insert({ id, content: `the ${id} end` });
    const away = swarm.member(3);
    await away.process.kill();
    const weights = new Map<string, number>();
    let count = 0;
    const write = async (writer: number): Promise<void> => {
      while (count < ENTRIES) {
        count += 1;
        const weight = count / (2 * ENTRIES);
        // One writer an edge: the last write is the one that counts.
        const relation = `edge-${writer}-${count % RELATIONS}`;
        await client.addEdge({ from: 'from', to: 'to', relation, weight }, { deadlineMs: 30_000 });
        weights.set(relation, weight);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, (_, writer) => write(writer)));
    await swarm.restart(3);
    await client.insert({ id: 'after', content: 'written after the snapshot' });
    await settled(swarm, client);
    expect(away.process.log).toMatch(/installing a snapshot at index \d{4}/);
    for (const { peerId } of swarm.members) {
      const local = { consistency: 'local', only: peerId } as const;
      const { edges } = await client.edges('from', local);
      expect(new Map(edges.map((edge) => [edge.relation, edge.weight]))).toEqual(weights);
      expect((await client.get('after', local)).memory?.content).toBe('written after the snapshot');
    }
    // What came by snapshot is as durable as what came by the log.
    await away.process.kill();
    await swarm.restart(3);
    const { edges } = await client.edges('from', { consistency: 'local', only: away.peerId });
    expect(edges).toHaveLength(weights.size);
  });
});
