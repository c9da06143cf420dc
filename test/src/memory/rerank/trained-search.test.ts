/** Searches that rerank with trained weights: from the examples of an engine to its answers. */
import { beforeEach, describe, expect, it } from 'vitest';

import type { MemoryCommand, MemoryEngine, SearchQuery } from '../../../../src/memory/engine.js';
import { SeededRandom } from '../../../../src/memory/seeded-random.js';
import type { Architecture } from '../../../../src/memory/rerank/architecture.js';
import type { Reranker } from '../../../../src/memory/rerank/reranker.js';
import { trainReranker } from '../../../../src/memory/rerank/train.js';
import { openReranker, saveReranker } from '../../../../src/memory/rerank/weights-file.js';
import { applyAll, insert, MODEL, scratch, engines } from '../support.js';

const dimensions = 8;

function vectorOf(values: Float32Array): { model: string; values: Float32Array } {
  return { model: MODEL, values };
}

/** Vectors near each other, so that all memories are candidates of all queries. */
function near(random: SeededRandom, last: number): Float32Array {
  const values = Float32Array.from({ length: dimensions }, () => 0.4 * (random.fraction() - 0.5));
  values[0] = 1;
  values[dimensions - 1] = last;
  return values;
}

describe.each(Object.entries(engines))('a %s engine with trained weights', (_name, open) => {
  let engine: MemoryEngine;
  const random = new SeededRandom(5);
  const queries = Array.from({ length: 30 }, () => near(random, 0));

  beforeEach(() => {
    engine = open(scratch('store.db'), { create: true });
    const drawn = new SeededRandom(6);
    const commands = Array.from({ length: 40 }, (_, at): MemoryCommand[] => {
      // The memories that are wanted are those that a mark points at; the marks are no candidates.
      const isWanted = at % 8 === 0;
      const mark: MemoryCommand = {
        type: 'addEdge',
        from: `mark${Number(isWanted)}`,
        to: `m${at}`,
        relation: 'r',
        weight: 1,
        timestampMs: 1,
      };
      return [insert(`m${at}`, 'memory', { vector: vectorOf(near(drawn, 0)) }), mark];
    });
    applyAll(
      engine,
      insert('mark0', 'mark', { vector: vectorOf(near(drawn, -2)), metadata: { kind: 'mark' } }),
      insert('mark1', 'mark', { vector: vectorOf(near(drawn, 2)), metadata: { kind: 'mark' } }),
      ...commands.flat(),
    );
    return () => engine.close();
  });

  const wanted = Array.from({ length: 5 }, (_, at) => `m${8 * at}`);

  function queryOf(values: Float32Array, more: Partial<SearchQuery> = {}): SearchQuery {
    return { text: '', vector: vectorOf(values), limit: 5, mode: 'vector', ...more };
  }

  async function train(architecture: Architecture, epochs = 20): Promise<Reranker> {
    const examples = queries.map((values) => engine.rerankExample!(queryOf(values), wanted));
    const options = { architecture, model: MODEL, examples, epochs, rate: 0.02 };
    return trainReranker({ ...options, shape: { width: 8 } });
  }

  it('makes examples of what a reranked search would see', () => {
    const example = engine.rerankExample!(queryOf(queries[0]!), wanted);
    expect(example.candidates).toHaveLength(42);
    expect(example.relevant).toEqual(wanted);
    // One from each memory to its mark, and from the marks to 5 and, of 35, the 16 that count.
    expect(example.edges).toHaveLength(40 + 5 + 16);
    expect(example.query).toEqual(queries[0]);
    const none = { ...queryOf(queries[0]!), vector: null, mode: undefined };
    expect(() => engine.rerankExample!(none, wanted)).toThrow(/needs the vector/);
  });

  it('finds by edges what no vector tells, also after the weights were in a file', async () => {
    const weights = await train('sage-mean');
    const path = scratch('weights');
    saveReranker(weights, path);
    const asked = near(new SeededRandom(77), 0);
    const query = queryOf(asked, { rerank: { by: 'gnn', weights } });
    const hits = engine.search(query);
    expect(hits.map(({ id }) => id).sort()).toEqual([...wanted].sort());
    expect(
      engine
        .search(queryOf(asked))
        .map(({ id }) => id)
        .sort(),
    ).not.toEqual([...wanted].sort());
    const again = { rerank: { by: 'gnn', weights: openReranker(path) } } as const;
    expect(engine.search({ ...query, ...again })).toEqual(hits);
    // Other weights are another query, whatever is remembered.
    const other = await train('gat', 1);
    const others = engine.search({ ...query, rerank: { by: 'gnn', weights: other } });
    expect(others.map(({ score }) => score)).not.toEqual(hits.map(({ score }) => score));
  });

  it('orders by what is above 1 too, and tells scores from 0 to 1', async () => {
    const weights = await train('multi-head', 2);
    const hits = engine.search(queryOf(queries[0]!, { rerank: { by: 'attention', weights } }));
    expect(hits).toHaveLength(5);
    for (const { score } of hits) {
      expect(score).toBeGreaterThanOrEqual(0);
      expect(score).toBeLessThanOrEqual(1);
    }
  });

  it('refuses weights of another method, model or length', async () => {
    const weights = await train('sage-mean', 1);
    const refused = (query: SearchQuery): (() => unknown) => {
      return () => engine.search(query);
    };
    const wrong = queryOf(queries[0]!, { rerank: { by: 'attention', weights } });
    expect(refused(wrong)).toThrow(/weights of sage-mean do not serve .* by attention/);
    const by = { rerank: { by: 'gnn', weights } } as const;
    const long = queryOf(new Float32Array(9).fill(1), by);
    expect(refused(long)).toThrow(/all-MiniLM-L6-v2 with 8 components; .* with 9/);
    const other = { ...queryOf(queries[0]!, by), vector: { model: 'b', values: queries[0]! } };
    expect(refused(other)).toThrow(/the query has one of b with 8/);
    const kind = { by: 'gnn', weights, kind: 'linear' } as const;
    expect(refused(queryOf(queries[0]!, { rerank: kind }))).toThrow(/kind of attention/);
  });
});
