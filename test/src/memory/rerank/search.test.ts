/** Searches that rerank, without weights, on both engines. */
import { beforeEach, describe, expect, it } from 'vitest';

import type { MemoryCommand, MemoryEngine, SearchQuery } from '../../../../src/memory/engine.js';
import { applyAll, at, engines, insert, scratch } from '../support.js';

function link(from: string, to: string, weight = 1, relation = 'r'): MemoryCommand {
  return { type: 'addEdge', from, to, relation, weight, timestampMs: 1 };
}

const cosine = (degrees: number): number => Math.cos((degrees * Math.PI) / 180);

describe.each(Object.entries(engines))('reranking on a %s engine', (_name, open) => {
  let engine: MemoryEngine;

  beforeEach(() => {
    engine = open(scratch('store.db'), { create: true });
    applyAll(
      engine,
      insert('a', 'alone', { vector: at(40) }),
      insert('b', 'linked', { vector: at(45) }),
      insert('c', 'next to it', { vector: at(10) }),
      insert('far', 'behind', { vector: at(170) }),
      insert('bare', 'query word', { vector: null }),
      link('b', 'c'),
    );
    return () => engine.close();
  });

  function find(query: Partial<SearchQuery>): ReturnType<MemoryEngine['search']> {
    return engine.search({ text: 'query', vector: at(0), limit: 5, mode: 'vector', ...query });
  }

  it('passes scores on along edges', () => {
    expect(find({}).map(({ id }) => id)).toEqual(['c', 'a', 'b', 'far']);
    const hits = find({ rerank: 'gnn' });
    // b and c are neighbours: each gets half of the other, and half of that counts.
    const shared = (cosine(10) + cosine(45)) / 2;
    const scores = new Map(hits.map(({ id, score }) => [id, score]));
    expect(scores.get('c')).toBeCloseTo((cosine(10) + shared) / 2, 6);
    expect(scores.get('b')).toBeCloseTo((cosine(45) + shared) / 2, 6);
    expect(scores.get('a')).toBeCloseTo(cosine(40), 6);
    expect(hits.map(({ id }) => id)).toEqual(['c', 'b', 'a', 'far']);
    expect(hits.every(({ rerankedBy }) => rerankedBy === 'gnn')).toBe(true);
    expect(hits.every(({ matchedBy }) => matchedBy === 'vector')).toBe(true);
  });

  it('counts neighbours that are no candidates', () => {
    // Beyond the hundred candidates, so that only the edge brings it in.
    applyAll(
      engine,
      ...Array.from({ length: 100 }, (_, n) => insert(`n${n}`, 'near', { vector: at(1) })),
      link('n0', 'far', 1),
    );
    const ids = (query: Partial<SearchQuery>): string[] => find(query).map(({ id }) => id);
    expect(ids({})).toEqual(['n0', 'n1', 'n10', 'n11', 'n12']);
    const rerank = { by: 'gnn', blend: 1 } as const;
    expect(ids({ rerank })).toEqual(['n1', 'n10', 'n11', 'n12', 'n13']);
  });

  it('looks at the relations that are named', () => {
    const named = (relations: readonly string[]): string[] =>
      find({ rerank: { by: 'gnn', relations } }).map(({ id }) => id);
    expect(named(['r'])).toEqual(['c', 'b', 'a', 'far']);
    expect(named(['other'])).toEqual(['c', 'a', 'b', 'far']);
  });

  it('follows edges as they come and go', () => {
    find({ rerank: 'gnn' });
    applyAll(engine, { type: 'deleteEdge', from: 'b', to: 'c', relation: 'r', timestampMs: 2 });
    expect(find({ rerank: 'gnn' }).map(({ id }) => id)).toEqual(['c', 'a', 'b', 'far']);
    applyAll(engine, link('a', 'c', 0.5));
    expect(find({ rerank: 'gnn' })[1]?.score).toBeCloseTo((3 * cosine(40) + cosine(10)) / 4, 6);
  });

  it.each(['multi-head', 'linear', 'hyperbolic', 'blocked'] as const)(
    'lets candidates read each other by %s attention',
    (kind) => {
      const hits = find({ rerank: { by: 'attention', kind, blend: 1 } });
      expect(hits).toHaveLength(4);
      // Means of all candidates lie between the best and the worst of them.
      for (const { score, rerankedBy } of hits) {
        expect(score).toBeLessThan(cosine(10));
        expect(score).toBeGreaterThanOrEqual(0);
        expect(rerankedBy).toBe('attention');
      }
      expect(find({ rerank: { by: 'attention', kind, blend: 1 } })).toEqual(hits);
      expect(find({ rerank: { by: 'attention', kind, blend: 0 } }).map(({ id }) => id)).toEqual(
        find({}).map(({ id }) => id),
      );
    },
  );

  it('attends by the scaled product, by hand', () => {
    engine.close();
    engine = open(scratch('two.db'), { create: true });
    applyAll(engine, insert('x', 'x', { vector: at(0) }), insert('y', 'y', { vector: at(60) }));
    const [x, y] = find({ rerank: { by: 'attention', blend: 1 } });
    // Unit vectors scaled by sqrt(d): scores sqrt(d) cos, so 19.6 and 9.8.
    const other = Math.exp(Math.sqrt(384) * (0.5 - 1));
    const part = other / (1 + other);
    expect(x?.score).toBeCloseTo(1 - part + part * 0.5, 6);
    expect(y?.score).toBeCloseTo((1 - part) * 0.5 + part, 6);
  });

  it('leaves the score of what has no vector', () => {
    const plain = find({ mode: undefined }).find(({ id }) => id === 'bare');
    const hit = find({ mode: undefined, rerank: 'attention' }).find(({ id }) => id === 'bare');
    expect(hit).toEqual(plain);
    expect(hit?.matchedBy).toBe('text');
    expect(find({ mode: 'text', rerank: 'gnn' })).toEqual(find({ mode: 'text' }));
  });

  it('goes with every mode, filters and diversity', () => {
    applyAll(engine, insert('k', 'query', { vector: at(20), metadata: { kind: 'k' } }));
    const found = (query: Partial<SearchQuery>): string[] =>
      find({ rerank: 'gnn', ...query }).map(({ id }) => id);
    expect(found({ filter: { kind: 'k' } })).toEqual(['k']);
    expect(found({ mode: 'hybrid', limit: 2 })).toContain('k');
    expect(found({ diversity: { lambda: 0.5 } })).toHaveLength(5);
    expect(found({ limit: 1 })).toEqual(['k']);
  });

  it.each([
    [{ rerank: 'gnn', vector: null, mode: undefined }, /needs the vector of the query/],
    [{ rerank: 'magic' as 'gnn' }, /by attention or gnn, not by magic/],
    [{ rerank: null as never }, /by attention or gnn, not by null/],
    [{ rerank: {} as never }, /by attention or gnn, not by undefined/],
    [{ rerank: { by: 'gnn', blend: '1' as never } }, /blend .* not 1/],
    [{ rerank: 'gnn', limit: 201 }, /at most 200 hits, not 201/],
    [{ rerank: { by: 'gnn', blend: 2 } }, /blend .* from 0 to 1, not 2/],
    [{ rerank: { by: 'gnn', blend: Number.NaN } }, /blend/],
    [{ rerank: { by: 'gnn', kind: 'linear' } }, /kind of attention without weights/],
    [{ rerank: { by: 'attention', kind: 'experts' as 'linear' } }, /kind of attention/],
    [{ rerank: { by: 'attention', relations: ['r'] } }, /only reranking by gnn/],
    [{ rerank: { by: 'gnn', weights: {} as never } }, /openReranker or trainReranker/],
    [{ rerank: { by: 'gnn', relations: 'r' as never } }, /relations must be/],
  ] as readonly (readonly [Partial<SearchQuery>, RegExp])[])('refuses %j', (query, sentence) => {
    expect(() => find(query)).toThrow(expect.objectContaining({ code: 'invalid' }) as Error);
    expect(() => find(query)).toThrow(sentence);
  });

  it('gives the same when the graph was built before, and after another content came in', async () => {
    const first = find({ rerank: 'gnn' });
    await engine.graph.size();
    applyAll(engine, insert('z', 'last', { vector: at(179) }));
    expect(find({ rerank: 'gnn' }).slice(0, 4)).toEqual(first);
    const dump = engine.dump();
    const other = open(scratch('other.db'), { create: true });
    other.restore(dump.records(), engine.appliedIndex);
    dump.close();
    const query = { text: '', vector: at(0), limit: 5, rerank: 'gnn' } as const;
    expect(other.search(query)).toEqual(engine.search(query));
    other.close();
  });

  it('answers while the graph is being built in steps', async () => {
    const size = engine.graph.size();
    const hits = find({ rerank: 'gnn' });
    applyAll(engine, link('a', 'c', 1));
    await size;
    expect((await engine.graph.size()).edges).toBe(2);
    expect(hits.map(({ id }) => id)).toEqual(['c', 'b', 'a', 'far']);
    expect((await engine.graph.neighbours('a')).neighbours).toHaveLength(1);
  });
});
