/** Random operations on a store and on a map, through closes, crashes, exports and compactions. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type MemoryStore, openMemoryStore } from '../../../../src/memory/index.js';
import type { JsonObject } from '../../../../src/memory/engine.js';
import { cosine } from '../../../../src/memory/vector-bytes.js';
import { scratch, seed } from '../support.js';
import { MODEL } from './support.js';

const US = '\u001f';
const namespace = fc.constantFrom('default', 'n', 'n ', 'ünï');
const id = fc.constantFrom('a', 'b', "it's", `${US}n${US}a`, `${US}${US}x`, '"\n');
const place = fc.record({ namespace, id });
const components = fc.constantFrom([1, 0, 0], [0, 1, 0], [1, 2, 3], [3, -1, 0], [5, 1, 1]);
const record = fc.record({
  namespace,
  id,
  content: fc.string({ unit: 'binary', maxLength: 12 }),
  metadata: fc
    .object({ maxDepth: 1, withBigInt: false })
    .map((o) => JSON.parse(JSON.stringify(o)) as JsonObject),
  vector: fc.option(components, { nil: null }),
  timestamp: fc.nat(20),
  expiresAt: fc.constantFrom(null, 1, 8_000_000_000_000),
});
const edge = fc.record({
  from: place,
  to: place,
  type: fc.constantFrom('t', 'u'),
  weight: fc.constantFrom(0, 0.25, 1),
});
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ put: fc.array(record, { minLength: 1, maxLength: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ remove: place }) },
  { weight: 3, arbitrary: fc.record({ link: edge }) },
  { weight: 1, arbitrary: fc.record({ unlink: edge }) },
  { weight: 1, arbitrary: fc.record({ removeAll: namespace }) },
  {
    weight: 2,
    arbitrary: fc.record({ next: fc.constantFrom('close', 'crash', 'compact', 'transfer') }),
  },
);

type Put = typeof record extends fc.Arbitrary<infer T> ? T : never;
type Edge = typeof edge extends fc.Arbitrary<infer T> ? T : never;
type Place = { readonly namespace: string; readonly id: string };

const nameOf = (of: Place): string => JSON.stringify([of.namespace, of.id]);
const edgeName = ({ from, to, type }: Edge): string =>
  JSON.stringify([nameOf(from), nameOf(to), type]);

/** What a store is: two maps. */
class Model {
  readonly records = new Map<string, Put>();
  readonly edges = new Map<string, Edge>();

  put(one: Put): void {
    // What has expired already goes at once, with its edges.
    if (one.expiresAt === 1) this.remove(one);
    else this.records.set(nameOf(one), one);
  }

  remove(of: Place): boolean {
    for (const [name, { from, to }] of this.edges) {
      if ([from, to].some((end) => nameOf(end) === nameOf(of))) this.edges.delete(name);
    }
    return this.records.delete(nameOf(of));
  }

  link(one: Edge): boolean {
    if (![one.from, one.to].every((end) => this.records.has(nameOf(end)))) return false;
    this.edges.set(edgeName(one), one);
    return true;
  }
}

const groupCommit = { maxBatch: 3, maxDelayMs: 0 };
const open = (path: string): Promise<MemoryStore> =>
  openMemoryStore(path, { embedder: null, model: MODEL, groupCommit });
const input = ({ from, to, type, weight }: Edge): Parameters<MemoryStore['link']>[0] => {
  const { namespace, id } = from;
  return { from: id, namespace, to: to.id, toNamespace: to.namespace, type, weight };
};

async function take(store: MemoryStore, model: Model, action: object): Promise<void> {
  const { put, remove, link, unlink, removeAll } = action as {
    put?: Put[];
    remove?: Place;
    link?: Edge;
    unlink?: Edge;
    removeAll?: string;
  };
  if (put !== undefined) {
    await store.putMany(put);
    for (const one of put) model.put(one);
  } else if (remove !== undefined) {
    expect(await store.delete(remove.id, remove)).toBe(model.remove(remove));
  } else if (link !== undefined) {
    const linked = store.link(input(link));
    if (model.link(link)) await linked;
    else await expect(linked).rejects.toThrow(expect.objectContaining({ code: 'not-found' }));
  } else if (unlink !== undefined) {
    expect(await store.unlink(input(unlink))).toBe(model.edges.delete(edgeName(unlink)));
  } else if (removeAll !== undefined) {
    const mine = [...model.records.values()].filter((one) => one.namespace === removeAll);
    expect(await store.deleteNamespace(removeAll)).toBe(mine.length);
    for (const one of mine) model.remove(one);
  }
}

async function reopened(store: MemoryStore, next: string): Promise<MemoryStore> {
  if (next === 'compact') await store.compact();
  if (next === 'compact') return store;
  const { path } = store;
  if (next === 'close') await store.close();
  if (next === 'crash') await store.terminate();
  if (next !== 'transfer') return open(path);
  const file = scratch('lines.jsonl');
  await store.exportTo(file);
  await store.close();
  const other = await open(scratch('imported.db'));
  await other.importFrom(file);
  return other;
}

async function compare(store: MemoryStore, model: Model): Promise<void> {
  const { records } = await store.list({ namespace: null, limit: 1000 });
  expect(records.map(nameOf).sort()).toEqual([...model.records.keys()].sort());
  for (const one of model.records.values()) {
    const { id, namespace, content, metadata, timestamp, expiresAt } = one;
    const expected = { id, namespace, content, metadata, timestamp, expiresAt };
    const found = await store.get(id, { namespace, vector: true });
    const { vector, ...rest } = found!;
    expect(rest).toEqual(expected);
    expect(vector === null ? null : [...vector!.values]).toEqual(one.vector);
  }
  for (const of of ['default', 'n', 'n ', 'ünï', null]) {
    const mine = [...model.records.values()].filter((one) => of === null || one.namespace === of);
    const near = mine
      .flatMap((one) => (one.vector === null ? [] : [Math.max(0, cosine(one.vector, [2, 1, 1]))]))
      .sort((a, b) => b - a)
      .slice(0, 3);
    const query = { vector: [2, 1, 1], limit: 3, mode: 'vector', namespace: of } as const;
    const hits = await store.search(query);
    expect(hits.map(({ score }) => score)).toEqual(near.map((score) => expect.closeTo(score, 5)));
  }
  const { rows } = await store.query('MATCH (a)-[r]->(b) RETURN type(r), r.weight');
  const told = [...model.edges.values()].map(({ type, weight }) => [type, weight]);
  expect(rows.map((row) => JSON.stringify(row)).sort()).toEqual(
    told.map((row) => JSON.stringify(row)).sort(),
  );
  expect(await store.check()).toMatchObject({ isWhole: true, problems: [] });
}

describe('a store and a map', () => {
  it('hold the same after any operations', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const model = new Model();
        let store = await open(scratch('store.db'));
        try {
          for (const action of steps) {
            if ('next' in action) {
              store = await reopened(store, action.next);
              await compare(store, model);
            } else {
              await take(store, model, action);
            }
          }
          await compare(store, model);
        } finally {
          await store.terminate();
        }
      }),
      { seed: seed(), numRuns: 12 },
    );
  });
});
