/** The life of a graph: built in slices, kept current, one state for each query, ended with its store. */
import { describe, expect, it } from 'vitest';

import type { Edge } from '../../../../src/memory/engine.js';
import { MemoryGraph } from '../../../../src/memory/graph/index.js';
import { OVERLAY_EDGES_MAX, QUERIES_MAX } from '../../../../src/memory/graph/limits.js';
import { RandomStream } from '../../../../sim/world/random.js';
import { seed } from '../support.js';
import { type EdgeRow, MapStore } from './support.js';
import { sleep } from '../../../waiting.js';

const name = (at: number): string => `m${String(at).padStart(6, '0')}`;

/** A ring in which each memory also points at others in between. */
function ring(nodes: number, edgesEach: number): { ids: string[]; edges: EdgeRow[] } {
  const ids = Array.from({ length: nodes }, (_, at) => name(at));
  const edges = ids.flatMap((id, at) =>
    Array.from({ length: edgesEach }, (_, step): EdgeRow => {
      return [id, `r${step % 3}`, name((at + 1 + step * 37) % nodes), 0.5];
    }),
  );
  return { ids, edges };
}

async function contentOf(graph: MemoryGraph): Promise<unknown> {
  const { nodes, edges } = await graph.size();
  const ids = await graph.query('MATCH (a) RETURN a.id AS id');
  const links = await graph.query(
    'MATCH (a)-[r]->(b) RETURN a.id AS a, type(r) AS type, b.id AS b, r.weight AS weight ' +
      'ORDER BY a, type, b',
  );
  const back = await graph.query('MATCH (b)<-[r]-(a) RETURN b.id AS b, count(*) AS n ORDER BY b');
  return { nodes, edges, ids: ids.rows, links: links.rows, back: back.rows };
}

describe('a graph', () => {
  it('takes what comes while it is being built', async () => {
    const { ids, edges } = ring(20_000, 3);
    const store = new MapStore(ids, edges);
    const size = store.graph.size();
    await sleep(2);
    expect(store.openDumps, 'the build is under way').toBe(1);
    store.insert('new');
    store.add('new', 'r', name(5));
    store.add(name(0), 'r0', name(1), 0.125);
    expect(await size).toMatchObject({ nodes: 20_001, edges: 60_001, overlayEdges: 1 });
    expect(store.openDumps).toBe(0);
    const from = await store.graph.neighbours(name(0), { relations: ['r0'] });
    expect(from.neighbours[0]).toMatchObject({ id: name(1), weight: 0.125 });
    expect((await store.graph.neighbours('new')).neighbours).toHaveLength(1);
    expect(store.dumps, 'one build serves all').toBe(1);
  });

  it('shows a query the state of its beginning, whatever comes meanwhile', async () => {
    const { ids, edges } = ring(300, 3);
    const store = new MapStore(ids, edges);
    await store.graph.size();
    const text =
      'MATCH (a)-[r*1..5]->(b) WHERE b.id = $last ' +
      'RETURN count(*) AS paths, min(b.content) AS content, max(b.kind) AS kind';
    const weights = 'MATCH (a)-[r]->(b) RETURN sum(r.weight) AS weight, count(*) AS edges';
    const slow =
      'MATCH (x)-[*1..4]->(y) WHERE y.content = "none" OR x.kind IS NULL RETURN count(*)';
    const ask = (query: string) => store.graph.query(query, { parameters: { last: name(299) } });
    const before = [await ask(text), await ask(weights), await ask(slow)];
    let isAnswered = false;
    const asked = Promise.all([text, weights, slow].map(ask)).then((answers) => {
      isAnswered = true;
      return answers;
    });
    let changes = 0;
    // The changes go on as long as the queries run, so that each slice sees other ones.
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (isAnswered) break;
      store.insert(name(changes % 300), { kind: 'changed' }, 'changed');
      store.insert(`new${changes}`);
      store.add(name(changes % 300), 'r9', `new${changes}`);
      store.add(name(changes % 300), 'r0', name((changes + 1) % 300), 1);
      store.unlink(name((changes + 7) % 300), 'r0', name((changes + 8) % 300));
      store.delete(name((changes + 20) % 300));
      if (changes % 2 === 0) store.insert(name((changes + 20) % 300));
      changes += 1;
    }
    expect(await asked).toEqual(before);
    expect(changes).toBeGreaterThan(3);
    expect(await ask(weights)).not.toEqual(before[1]);
  });

  it('is after any inserts and deletes what a graph that is built then would be', async () => {
    const random = new RandomStream(seed(), 'changes');
    for (let round = 0; round < 40; round += 1) {
      const built = ring(8, 2);
      const store = new MapStore(built.ids, [...built.edges, [name(0), 'r0', 'absent', 0.5]]);
      const ids = [...built.ids, 'absent', 'new'];
      if (round % 2 === 0) await store.graph.size();
      for (let change = 0; change < 60; change += 1) {
        // A build is under way while some of these come.
        if (change === 30) void store.graph.size();
        if (random.chance(0.25)) await new Promise((resolve) => setImmediate(resolve));
        const [from, to] = [random.pick(ids), random.pick(ids)];
        const relation = random.pick(['r0', 'r1']);
        const what = random.integer(0, 4);
        if (what === 0) store.insert(from);
        else if (what === 1) store.delete(from);
        else if (what === 2) store.unlink(from, relation, to);
        else if (store.memories.has(from) && store.memories.has(to)) {
          store.add(from, relation, to, random.pick([0.25, 0.5]));
        }
      }
      const fresh = new MapStore();
      for (const [id, memory] of store.memories) fresh.memories.set(id, memory);
      for (const [key, edge] of store.edges) fresh.edges.set(key, edge);
      expect(await contentOf(store.graph), `round ${round}`).toEqual(await contentOf(fresh.graph));
    }
  });

  it('lets edges wait whose end is no memory yet, and leaves out weights beyond 0 to 1', async () => {
    const store = new MapStore(
      ['a', 'b'],
      [
        ['a', 'r', 'late', 0.5],
        ['later', 'r', 'late', 0.5],
        ['a', 'r', 'b', Number.NaN],
        ['b', 'r', 'a', 2],
      ],
    );
    expect(await store.graph.size()).toMatchObject({ nodes: 2, edges: 0 });
    store.insert('late');
    expect(await store.graph.size()).toMatchObject({ nodes: 3, edges: 1 });
    store.insert('later');
    const { neighbours } = await store.graph.neighbours('late', { direction: 'in' });
    expect(neighbours.map(({ id }) => id)).toEqual(['a', 'later']);
  });

  it('is built anew beside its queries when much has come', async () => {
    const store = new MapStore(['a']);
    await store.graph.size();
    const edges: Edge[] = [];
    for (let at = 0; at <= OVERLAY_EDGES_MAX; at += 1) {
      store.memories.set(name(at), { id: name(at), content: '', metadata: {}, createdAtMs: 5 });
      edges.push({ from: 'a', to: name(at), relation: 'r', weight: 0.5 });
    }
    const nodes = [...store.memories.keys()].map((id) => ({ type: 'addNode', id }) as const);
    const links = edges.map((edge) => ({ type: 'addEdge', ...edge }) as const);
    store.graph.follow([...nodes, ...links]);
    for (const edge of edges) store.edges.set(edge.to, edge);
    expect((await store.graph.size()).overlayEdges).toBe(edges.length);
    expect((await store.graph.neighbours('a')).isCut).toBe(true);
    store.add('a', 'r', name(7), 0.75);
    while (store.openDumps > 0 || (await store.graph.size()).overlayEdges > 0) await sleep(5);
    expect(await store.graph.size()).toMatchObject({ edges: edges.length, overlayEdges: 0 });
    expect(store.dumps).toBe(2);
    const { neighbours } = await store.graph.neighbours('a', { limit: 8 });
    expect(neighbours.at(-1)).toMatchObject({ id: name(7), weight: 0.75 });
  });

  it('ends what runs when the store is replaced or closed, and builds anew after a replacement', async () => {
    const { ids, edges } = ring(2_000, 4);
    const store = new MapStore(ids, edges);
    await store.graph.size();
    const large = ring(30_000, 3);
    const building = new MapStore(large.ids, large.edges);
    const ended = Promise.allSettled([
      store.graph.query('MATCH (a)-[*1..6]->(b) RETURN count(*)'),
      building.graph.size(),
    ]);
    await new Promise((resolve) => setImmediate(resolve));
    store.graph.clear();
    building.graph.close();
    const rejected = { status: 'rejected', reason: { code: 'closed' } };
    expect(await ended).toMatchObject([rejected, rejected]);
    expect(building.openDumps).toBe(0);
    await expect(building.graph.size()).rejects.toMatchObject({ code: 'closed' });
    expect((await store.graph.size()).nodes).toBe(2_000);
    expect(store.dumps).toBe(2);
  });

  it('stops for a signal, and takes so many queries at a time', async () => {
    const { ids, edges } = ring(2_000, 4);
    const store = new MapStore(ids, edges);
    await store.graph.size();
    const controller = new AbortController();
    const text = 'MATCH (a)-[*1..6]->(b) RETURN count(*)';
    const asked = store.graph.query(text, { signal: controller.signal });
    const others = Array.from({ length: QUERIES_MAX - 1 }, () =>
      store.graph.query(text, { signal: controller.signal }).catch((error: unknown) => error),
    );
    await new Promise((resolve) => setImmediate(resolve));
    await expect(store.graph.neighbours(name(0))).rejects.toMatchObject({ code: 'overloaded' });
    controller.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
    await Promise.all(others);
    expect((await store.graph.neighbours(name(0))).neighbours).toHaveLength(4);
  });

  it('fails with the words of the store, and tries again', async () => {
    let isBroken = true;
    const graph = new MemoryGraph({
      dump: () => {
        if (isBroken) throw new Error('the disk is gone');
        return { ids: () => ['a'], edges: () => [], close: () => undefined };
      },
      get: () => undefined,
    });
    await expect(graph.size()).rejects.toThrow('the disk is gone');
    isBroken = false;
    expect(await graph.size()).toMatchObject({ nodes: 1 });
    await expect(graph.query('MATCH (a) RETURN a')).rejects.toMatchObject({ code: 'closed' });
  });

  it('lets other work through while it is built and asked', async () => {
    const { ids, edges } = ring(50_000, 8);
    const store = new MapStore(ids, edges);
    const turnsMs: number[] = [];
    let isWatching = true;
    let usedBefore = process.cpuUsage();
    const watch = (): void => {
      // Time of the processor: on a busy machine the clock also measures the others.
      const { user, system } = process.cpuUsage(usedBefore);
      turnsMs.push((user + system) / 1000);
      usedBefore = process.cpuUsage();
      if (isWatching) setImmediate(watch);
    };
    const sized = store.graph.size();
    await new Promise((resolve) => setImmediate(resolve));
    usedBefore = process.cpuUsage();
    setImmediate(watch);
    await sized;
    await Promise.all([
      store.graph.kHops(name(0), { hops: 64, limit: 10_000 }),
      store.graph.path(name(0), name(20_011), { weighted: true }),
      store.graph.query('MATCH (a)-[:r1]->(b)-[:r2]->(c) RETURN count(*)'),
      store.graph.query('MATCH (a) RETURN a.id ORDER BY a.id DESC LIMIT 3'),
    ]);
    isWatching = false;
    turnsMs.sort((a, b) => a - b);
    const at = (share: number): number => turnsMs[Math.floor(turnsMs.length * share)] ?? 0;
    console.log(
      `processor time a turn, of ${turnsMs.length}: half ${at(0.5).toFixed(1)} ms, ` +
        `99 % ${at(0.99).toFixed(1)} ms, most ${turnsMs.at(-1)?.toFixed(1)} ms`,
    );
    expect(turnsMs.length).toBeGreaterThan(50);
  });
});
