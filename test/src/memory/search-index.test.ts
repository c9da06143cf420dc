/** The search against a model of it that looks at every memory. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type {
  JsonObject,
  JsonValue,
  MetadataFilter,
  ModelVector,
  SearchQuery,
} from '../../../src/memory/engine.js';
import { SearchIndex } from '../../../src/memory/search-index.js';
import { cosine } from '../../../src/memory/vector-bytes.js';
import { ExactVectorIndex } from '../../../src/memory/vector-index.js';
import { VectorIndexes } from '../../../src/memory/vector-indexes.js';
import { memoryKey, parseMemoryKey } from '../../../src/memory/memory-key.js';
import { seed } from './support.js';
import { Reference } from './text/reference.js';

interface Held {
  readonly text: string;
  readonly metadata: JsonObject;
  readonly vector: ModelVector | null;
  readonly createdAtMs: number;
}

class Store {
  readonly held = new Map<string, Held>();

  memoryCount(): number {
    return this.held.size;
  }

  *texts(): Iterable<readonly [string, string]> {
    for (const [id, { text }] of this.held) yield [id, text];
  }

  *filtered(): Iterable<{ id: string; metadata: JsonObject; createdAtMs: number }> {
    for (const [id, { metadata, createdAtMs }] of this.held) yield { id, metadata, createdAtMs };
  }

  emptyIndexes(): VectorIndexes {
    return new VectorIndexes((dimensions) => new ExactVectorIndex(dimensions));
  }

  *loadVectors(indexes: VectorIndexes): Generator<undefined, void> {
    for (const [id, { vector }] of this.held) {
      indexes.put(id, vector);
      yield;
    }
  }
}

/** What the filters below mean, written out. */
const FILTERS: readonly (readonly [MetadataFilter, (metadata: JsonObject) => boolean])[] = [
  [{}, () => true],
  [{ kind: 'a' }, ({ kind }) => kind === 'a' || (Array.isArray(kind) && kind.includes('a'))],
  [{ kind: null }, ({ kind }) => kind === null],
  [{ kind: { in: ['b', 1, true] } }, ({ kind }) => kind === 'b' || kind === 1 || kind === true],
  [{ kind: { in: [] } }, () => false],
  [{ n: { from: 2 } }, ({ n }) => typeof n === 'number' && n >= 2],
  [{ n: { from: 1, to: 2 }, kind: 'b' }, ({ n, kind }) => (n === 1 || n === 2) && kind === 'b'],
  [{ n: '2' }, ({ n }) => n === '2'],
  [{ missing: 1 }, () => false],
];

/** All memories scored one by one, best first. */
function expected(store: Store, query: SearchQuery): unknown[] {
  const { text, vector, limit, filter, namespace, created } = query;
  const words = new Reference();
  for (const [id, held] of store.held) words.put(id, held.text);
  const ceiling = words.ceilingOf(text);
  const matches = new Map(words.search(text, store.held.size).map(({ id, score }) => [id, score]));
  const passes = FILTERS.find(([one]) => one === filter)?.[1] ?? (() => true);
  const passing = [...store.held].filter(([id, { metadata, createdAtMs }]) => {
    const isOf = namespace === undefined || parseMemoryKey(id)?.namespace === namespace;
    const { fromMs = -Infinity, toMs = Infinity } = created ?? {};
    return isOf && createdAtMs >= fromMs && createdAtMs <= toMs && passes(metadata);
  });
  const hits = passing.map(([id, held]) => {
    const isNear =
      vector !== null &&
      held.vector?.model === vector.model &&
      held.vector.values.length === vector.values.length;
    if (isNear && held.vector !== null) {
      const score = Math.max(0, cosine(vector.values, held.vector.values));
      return { id, score, matchedBy: 'vector' };
    }
    return { id, score: (matches.get(id) ?? -1) / ceiling, matchedBy: 'text' };
  });
  return hits
    .filter(({ score }) => score >= 0)
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
    .slice(0, limit)
    .map((hit) => ({ ...hit, score: expect.closeTo(hit.score, 5) as number }));
}

const text = fc
  .array(fc.constantFrom('red', 'Fox', 'blue', 'sky', 'été', '7'), { maxLength: 4 })
  .map((words) => words.join(', '));
/** Distinct directions with well separated cosines, so that rounding cannot swap two hits. */
const vector = fc.option(
  fc.record({
    model: fc.constantFrom('one', 'two'),
    values: fc
      .constantFrom([1, 0, 0], [0, 1, 0], [3, 1, 0], [-1, 0, 0], [0, 0, 0], [1, 2, 3], [1, 0])
      .map((values) => Float32Array.from(values)),
  }),
  { nil: null },
);
const keys = ['one', 'two', 'default'].flatMap((name) => {
  return ['a', '\u001fb'].map((own) => memoryKey(name, own));
});
const id = fc.constantFrom('c', 'd', ...keys);
/** One word of a query is nowhere, and counts for the score of the others all the same. */
const query = fc.record({
  text: text.map((words) => `${words} nowhere`),
  vector,
  limit: fc.integer({ min: 1, max: 4 }),
});
const filtered = fc.record({
  query,
  filter: fc.constantFrom(undefined, ...FILTERS.map(([filter]) => filter)),
  namespace: fc.constantFrom(undefined, 'default', 'one', 'two', 'three'),
  created: fc.option(
    fc.record(
      { fromMs: fc.integer({ min: 0, max: 9 }), toMs: fc.integer({ min: 0, max: 9 }) },
      { requiredKeys: [] },
    ),
    { nil: undefined },
  ),
});
const metadata = fc.record(
  {
    kind: fc.constantFrom<JsonValue>('a', 'b', 1, true, null, ['a', 'c'], ['a', 'a'], { deep: 1 }),
    n: fc.constantFrom<JsonValue>(1, 2, 3, '2'),
  },
  { requiredKeys: [] },
);
const action = fc.oneof(
  fc.record({ id, text, metadata, vector, createdAtMs: fc.integer({ min: 0, max: 9 }) }),
  query,
  filtered.map(({ query: asked, ...conditions }) => ({ ...asked, ...conditions })),
);

describe('the search index', () => {
  it('finds what looking at everything finds, whatever was replaced before', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        const store = new Store();
        const index = new SearchIndex(store);
        for (const step of actions) {
          if ('id' in step) {
            store.held.set(step.id, step);
            index.put(step, step.text, step.vector);
          } else {
            expect(index.search(step)).toEqual(expected(store, step));
          }
        }
      }),
      { seed: seed(), numRuns: 500 },
    );
  });

  it('refuses filters that are none', () => {
    const index = new SearchIndex(new Store());
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`f${at}`, 1]));
    const values = Array.from({ length: 1001 }, (_, at) => at);
    const bad = [
      null,
      'kind',
      ['kind'],
      many,
      { kind: undefined },
      { kind: Number.NaN },
      { kind: ['a'] },
      { kind: 'x'.repeat(1025) },
      { kind: { in: 'a' } },
      { kind: { in: [{}] } },
      { kind: { in: values } },
      { kind: { in: [1], from: 1 } },
      { kind: { from: '1' } },
      { kind: { to: Infinity } },
      { kind: { above: 1 } },
    ];
    for (const filter of bad as unknown as MetadataFilter[]) {
      expect(() => index.search({ text: '', vector: null, limit: 1, filter })).toThrow(
        expect.objectContaining({ code: 'invalid' }),
      );
    }
  });

  it('refuses namespaces and times that are none', () => {
    const index = new SearchIndex(new Store());
    const bad: unknown[] = [
      { namespace: '' },
      { namespace: 'a\u001fb' },
      { namespace: 'x'.repeat(257) },
      { namespace: 1 },
      { created: 5 },
      { created: null },
      { created: { fromMs: Number.NaN } },
      { created: { toMs: '1' } },
      { created: { from: 1 } },
    ];
    for (const conditions of bad as Partial<SearchQuery>[]) {
      expect(() => index.search({ text: '', vector: null, limit: 1, ...conditions })).toThrow(
        expect.objectContaining({ code: 'invalid' }),
      );
    }
  });

  it('refuses limits out of range', () => {
    const index = new SearchIndex(new Store());
    for (const limit of [0, 1001, 1.5, Number.NaN]) {
      expect(() => index.search({ text: '', vector: null, limit })).toThrow(
        expect.objectContaining({ code: 'invalid' }),
      );
    }
  });
});
