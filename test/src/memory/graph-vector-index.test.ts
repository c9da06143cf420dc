/** The index with a graph against the one that compares everything. */
import { describe, expect, it } from 'vitest';

import { RandomStream } from '../../../sim/world/random.js';
import { GraphVectorIndex } from '../../../src/memory/graph-vector-index.js';
import { SCANNED_VECTORS_MAX } from '../../../src/memory/limits.js';
import { ExactVectorIndex } from '../../../src/memory/vector-index.js';
import { VectorSource } from './index/vector-source.js';
import { seed } from './support.js';

const DIMENSIONS = 24;
const FIRST = SCANNED_VECTORS_MAX + 500;

function filled(source: VectorSource, count = FIRST): [GraphVectorIndex, ExactVectorIndex] {
  const graph = new GraphVectorIndex(DIMENSIONS);
  const exact = new ExactVectorIndex(DIMENSIONS);
  for (let at = 0; at < count; at += 1) {
    const values = source.next();
    graph.put(`id ${at}`, values);
    exact.put(`id ${at}`, values);
  }
  return [graph, exact];
}

function linkAll(graph: GraphVectorIndex): void {
  while (graph.linkNext());
}

/** Share of the exact hits that are found; every hit found has the score that it should have. */
function recall(
  graph: GraphVectorIndex,
  exact: ExactVectorIndex,
  queries: readonly Float32Array[],
  allowed?: ReadonlySet<string>,
): number {
  let found = 0;
  let wanted = 0;
  for (const query of queries) {
    const scores = new Map(exact.search(query, exact.size).map(({ id, score }) => [id, score]));
    const best = exact.search(query, 10, allowed);
    const hits = graph.search(query, 10, allowed);
    expect(hits).toHaveLength(best.length);
    for (const { id, score } of hits) expect(score).toBeCloseTo(scores.get(id)!, 5);
    found += best.filter((hit) => hits.some(({ id }) => id === hit.id)).length;
    wanted += best.length;
  }
  return found / wanted;
}

describe('the index with a graph', () => {
  it('compares one by one as long as the vectors are few', () => {
    const source = new VectorSource(seed(), DIMENSIONS);
    const [graph, exact] = filled(source, SCANNED_VECTORS_MAX);
    expect(graph.counts()).toEqual({ scanned: SCANNED_VECTORS_MAX, linked: 0 });
    expect(graph.linkNext()).toBe(false);
    for (let at = 0; at < 20; at += 1) {
      const query = source.next();
      expect(graph.search(query, 10)).toEqual(exact.search(query, 10));
    }
    graph.put('one more', source.next());
    linkAll(graph);
    expect(graph.counts()).toEqual({ scanned: 0, linked: SCANNED_VECTORS_MAX + 1 });
  });

  it('follows puts and deletes, linked or not, frozen or not', () => {
    const start = seed();
    const source = new VectorSource(start, DIMENSIONS);
    const random = new RandomStream(start, 'steps');
    const [graph, exact] = filled(source);
    const queries = Array.from({ length: 10 }, () => source.next());
    for (let round = 0; round < 60; round += 1) {
      const frozen = random.chance(0.3);
      if (frozen) graph.freeze();
      const before = graph.graph!.describe();
      for (let step = random.integer(1, 60); step > 0; step -= 1) {
        const id = `id ${random.integer(0, FIRST + 200)}`;
        if (random.chance(0.4)) {
          graph.delete(id);
          exact.delete(id);
        } else {
          // A vector without a direction now and then.
          const values = random.chance(0.05) ? new Float32Array(DIMENSIONS) : source.next();
          graph.put(id, values);
          exact.put(id, values);
        }
        expect(graph.has(id)).toBe(exact.has(id));
        if (random.chance(0.5)) graph.linkNext();
      }
      expect(graph.size).toBe(exact.size);
      if (frozen) expect(graph.graph!.describe()).toEqual(before);
      if (round % 6 === 0) expect(recall(graph, exact, queries)).toBeGreaterThanOrEqual(0.95);
      graph.thaw();
    }
    linkAll(graph);
    expect(graph.isSettled).toBe(true);
    expect(graph.size).toBe(exact.size);
    expect(recall(graph, exact, queries)).toBeGreaterThanOrEqual(0.95);
    const some = new Set(Array.from({ length: 900 }, (_, at) => `id ${at * 3}`));
    expect(recall(graph, exact, queries, some)).toBeGreaterThanOrEqual(0.95);
    const few = new Set(['id 5', 'id 77', 'nobody']);
    expect(graph.search(queries[0]!, 10, few)).toEqual(
      exact.search(queries[0]!, 10, few).map(({ id, score }) => {
        return { id, score: expect.closeTo(score, 6) as number };
      }),
    );
  });

  it('orders equal scores by id, also where they are cut', () => {
    const source = new VectorSource(seed(), DIMENSIONS);
    const [graph, exact] = filled(source);
    const copied = source.next();
    // Put backwards, so that no order of insertion looks like that of the ids.
    for (let at = 299; at >= 0; at -= 1) {
      graph.put(`copy ${at}`, copied);
      exact.put(`copy ${at}`, copied);
    }
    const ids = (index: GraphVectorIndex | ExactVectorIndex): string[] =>
      index.search(copied, 12).map(({ id }) => id);
    expect(ids(graph)).toEqual(ids(exact));
    linkAll(graph);
    expect(ids(graph)).toEqual(ids(exact));
    expect(ids(graph).every((id) => id.startsWith('copy'))).toBe(true);
    const nowhere = new Float32Array(DIMENSIONS);
    expect(graph.search(nowhere, 9)).toEqual(exact.search(nowhere, 9));
  });
});
