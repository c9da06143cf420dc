/** Search by mode, diversity, and what is remembered, on both engines. */
import { beforeEach, describe, expect, it } from 'vitest';

import type { MemoryEngine, SearchQuery } from '../../../src/memory/engine.js';
import { type RankedHit, RankedSearch } from '../../../src/memory/ranked-search.js';
import { applyAll, at, engines, insert, scratch } from './support.js';

describe.each(Object.entries(engines))('searching a %s engine', (_name, open) => {
  let engine: MemoryEngine;

  beforeEach(() => {
    engine = open(scratch('store.db'), { create: true });
    applyAll(
      engine,
      insert('near', 'nothing of it', { vector: at(10) }),
      insert('both', 'the red fox', { vector: at(20) }),
      insert('copy', 'the red fox indeed', { vector: at(21) }),
      insert('far', 'a red fox and a red hen', { vector: at(80) }),
      insert('bare', 'red', { vector: null }),
    );
    return () => engine.close();
  });

  function find(query: Partial<SearchQuery>): string[] {
    const hits = engine.search({ text: 'red fox', vector: at(0), limit: 5, ...query });
    return hits.map(({ id, matchedBy }) => `${id} ${matchedBy}`);
  }

  it('takes only memories with a vector in the mode vector', () => {
    const expected = ['near vector', 'both vector', 'copy vector', 'far vector'];
    expect(find({ mode: 'vector' })).toEqual(expected);
  });

  it('takes all memories with a word in the mode text, whatever their vectors', () => {
    const expected = ['both text', 'copy text', 'far text', 'bare text'];
    expect(find({ mode: 'text' })).toEqual(expected);
    expect(find({ mode: 'text', vector: null })).toEqual(expected);
    const scores = engine.search({ text: 'red fox', vector: null, limit: 5, mode: 'text' });
    for (const { score } of scores) {
      expect(score).toBeGreaterThan(0);
      expect(score).toBeLessThan(1);
    }
  });

  it('joins both lists by rank in the mode hybrid', () => {
    // Ranks by vector and text: near 1, both 2 1, copy 3 2, far 4 3, bare 4.
    const hits = engine.search({ text: 'red fox', vector: at(0), limit: 5, mode: 'hybrid' });
    expect(hits.map(({ id, matchedBy }) => [id, matchedBy])).toEqual([
      ['both', 'both'],
      ['copy', 'both'],
      ['far', 'both'],
      ['near', 'vector'],
      ['bare', 'text'],
    ]);
    expect(hits[0]?.score).toBeCloseTo((1 / 62 + 1 / 61) / (2 / 61), 12);
    expect(hits[4]?.score).toBeCloseTo(1 / 64 / (2 / 61), 12);
    expect(find({ mode: 'hybrid', limit: 2 })).toEqual(['both both', 'copy both']);
    const flat = find({ mode: 'hybrid', fusion: { by: 'rank', rankConstant: 0 } });
    // 1/2 + 1, 1/3 + 1/2, and near with 1.
    expect(flat.slice(0, 3)).toEqual(['both both', 'near vector', 'copy both']);
  });

  it('joins both lists by weight', () => {
    const fusion = (vectorWeight: number): Partial<SearchQuery> => {
      return { mode: 'hybrid', fusion: { by: 'weight', vectorWeight } };
    };
    expect(find(fusion(1)).slice(0, 3)).toEqual(['near vector', 'both both', 'copy both']);
    expect(find(fusion(0)).slice(0, 3)).toEqual(['both both', 'copy both', 'far both']);
  });

  it('takes a filter in every mode', () => {
    applyAll(
      engine,
      insert('kept', 'a fox', { vector: at(50), metadata: { kind: 'k' } }),
      insert('bare kept', 'fox', { vector: null, metadata: { kind: 'k' } }),
    );
    const found = (query: Partial<SearchQuery>): string[] =>
      find({ filter: { kind: 'k' }, ...query });
    expect(found({ mode: 'vector' })).toEqual(['kept vector']);
    expect(found({ mode: 'text' })).toEqual(['bare kept text', 'kept text']);
    expect(found({ mode: 'hybrid' })).toEqual(['kept both', 'bare kept text']);
    expect(found({ diversity: { lambda: 0.5 } })[0]).toBe('kept vector');
    // Another filter is another query.
    expect(find({ filter: { kind: 'none' }, mode: 'text' })).toEqual([]);
  });

  it('puts what says the same again behind', () => {
    const found = (lambda: number): string[] =>
      find({ mode: 'text', limit: 3, diversity: { lambda } });
    expect(found(1)).toEqual(['both text', 'copy text', 'far text']);
    expect(found(0.3)[0]).toBe('both text');
    expect(found(0.3)).not.toContain('copy text');
    const plain = find({ diversity: { lambda: 0.3 }, limit: 3 });
    expect(plain.slice(0, 2)).toEqual(['near vector', 'both vector']);
    expect(plain).not.toContain('copy vector');
  });

  it('does not remember what was written over', () => {
    expect(find({ mode: 'text' })).toContain('bare text');
    applyAll(engine, insert('bare', 'something else', { vector: null }));
    expect(find({ mode: 'text' })).not.toContain('bare text');
    const other = open(scratch('other.db'), { create: true });
    applyAll(other, insert('other', 'red'));
    const dump = other.dump();
    expect(find({ mode: 'text' })).toHaveLength(3);
    engine.restore(dump.records(), engine.appliedIndex);
    expect(find({ mode: 'text' })).toEqual(['other text']);
    dump.close();
    other.close();
  });

  it.each<[string, Partial<SearchQuery>]>([
    ['a mode that is none', { mode: 'nearest' as 'vector' }],
    ['by vector without one', { mode: 'vector', vector: null }],
    ['both ways without a vector', { mode: 'hybrid', vector: null }],
    ['a fusion of one list', { mode: 'text', fusion: { by: 'rank' } }],
    ['a weight of more than one', { mode: 'hybrid', fusion: { by: 'weight', vectorWeight: 1.1 } }],
    ['a constant below 0', { mode: 'hybrid', fusion: { by: 'rank', rankConstant: -1 } }],
    ['a lambda of more than one', { diversity: { lambda: 1.1 } }],
    ['no hits', { mode: 'hybrid', limit: 0 }],
    ['too many hits', { diversity: { lambda: 1 }, limit: 1001 }],
    ['half a hit', { mode: 'hybrid', limit: 1.5 }],
  ])('refuses %s', (_what, query) => {
    expect(() => find(query)).toThrow(expect.objectContaining({ code: 'invalid' }));
  });
});

describe('what a search remembers', () => {
  let asked = 0;
  let appliedIndex = 1;
  let nowMs = 0;
  let hits: readonly RankedHit[] = [];
  let search: RankedSearch;

  beforeEach(() => {
    [asked, appliedIndex, nowMs] = [0, 1, 0];
    hits = [{ id: 'a', score: 1, matchedBy: 'text' }];
    search = new RankedSearch({
      search: ({ limit }) => {
        asked += 1;
        return hits.slice(0, limit);
      },
      appliedIndex: () => appliedIndex,
      textOf: () => '',
      rerankFrom: { vectorOf: () => null, around: () => ({ ids: [], edges: [] }) },
      nowMs: () => nowMs,
    });
  });

  const query: SearchQuery = { text: 'fox', vector: at(0), limit: 1000 };

  it('is the answer to an equal query', () => {
    expect(search.search(query)).toEqual(hits);
    expect(search.search({ limit: 1000, vector: at(0), text: 'fox' })).toEqual(hits);
    expect(asked).toBe(1);
    const others: SearchQuery[] = [
      { ...query, text: 'Fox' },
      { ...query, limit: 999 },
      { ...query, vector: null },
      { ...query, vector: at(1) },
      { ...query, vector: { ...at(0), model: 'other' } },
      { ...query, mode: 'text' },
      { ...query, diversity: { lambda: 0.5 } },
    ];
    for (const other of others) search.search(other);
    expect(asked).toBe(1 + others.length);
  });

  it('is forgotten with the next write, after an hour, and when it is told', () => {
    const isAskedAgain = (): boolean => {
      const before = asked;
      search.search(query);
      return asked > before;
    };
    expect(isAskedAgain()).toBe(true);
    expect(isAskedAgain()).toBe(false);
    appliedIndex += 1;
    expect(isAskedAgain()).toBe(true);
    nowMs += 3_600_000;
    expect(isAskedAgain()).toBe(true);
    search.clear();
    expect(isAskedAgain()).toBe(true);
    expect(isAskedAgain()).toBe(false);
  });

  it('is no long answer', () => {
    hits = Array.from({ length: 101 }, (_, at) => ({ id: `${at}`, score: 1, matchedBy: 'text' }));
    search.search(query);
    search.search(query);
    expect(asked).toBe(2);
  });
});
