/** What the index promises, on every rung. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { HnswIndex } from '../../../../src/memory/index/hnsw-index.js';
import { keyOfName } from '../../../../src/memory/index/id-table.js';
import { METRICS, type Metric } from '../../../../src/memory/index/kernel.js';
import { seed } from '../support.js';
import { idsOf, recall, rungs, useBuild, VectorSource } from './support.js';

const invalid = expect.objectContaining({ code: 'invalid' });

/** Higher is better; plain sums in double. */
function score(metric: Metric, a: Float32Array, b: Float32Array): number {
  let [dot, squaresA, squaresB, gaps] = [0, 0, 0, 0];
  a.forEach((x, i) => {
    const y = b[i]!;
    dot += x * y;
    squaresA += x * x;
    squaresB += y * y;
    gaps += (x - y) ** 2;
  });
  if (metric === 'dot') return dot;
  return metric === 'euclidean' ? -Math.sqrt(gaps) : dot / Math.sqrt(squaresA * squaresB);
}

// Generous: plain JavaScript takes its time, and the machine may be busy with other tests.
describe.each(rungs)('an index, $name', (build) => {
  it.each(METRICS)('searches exactly what was put last: %s', (metric) => {
    useBuild(build);
    const component = fc.integer({ min: -9, max: 9 });
    const vector = fc
      .array(component, { minLength: 5, maxLength: 5 })
      .filter((values) => values.some((value) => value !== 0))
      .map((values) => Float32Array.from(values));
    const id = fc.integer({ min: 0, max: 30 }).map(String);
    const step = fc.oneof(
      fc.record({ put: id, vector }),
      fc.record({ remove: id }),
      fc.record({ link: fc.integer({ min: 0, max: 9 }) }),
      fc.record({ query: vector, limit: fc.integer({ min: 1, max: 12 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const index = HnswIndex.create({ dimensions: 5, metric, neighbours: 4, buildBreadth: 8 });
        const model = new Map<string, Float32Array>();
        for (const action of steps) {
          if ('put' in action) {
            index.put(action.put, action.vector);
            model.set(action.put, action.vector);
          } else if ('remove' in action) {
            expect(index.delete(action.remove)).toBe(model.delete(action.remove));
          } else if ('link' in action) {
            index.link(action.link);
          } else {
            const { query, limit } = action;
            const wanted = [...model.values()]
              .map((values) => score(metric, query, values))
              .sort((a, b) => b - a)
              .slice(0, limit);
            const hits = index.search(query, { limit, exact: true });
            const sign = metric === 'euclidean' ? -1 : 1;
            const got = hits.map((hit) => hit.score * sign);
            expect(got).toEqual(wanted.map((value) => expect.closeTo(value, 4) as number));
            for (const hit of hits) {
              const own = score(metric, query, model.get(hit.id)!);
              expect(hit.score * sign).toBeCloseTo(own, 4);
            }
            // So few that the graph has to find them all as well, each once.
            const all = index.search(query, { limit: 31 });
            expect(new Set(idsOf(all)).size).toBe(all.length);
            expect(all.length).toBe(model.size);
          }
          expect(index.size).toBe(model.size);
        }
        index.close();
      }),
      { seed: seed(), numRuns: 60 },
    );
  });

  it('keeps its recall when half of it is replaced, and half of that again', () => {
    useBuild(build);
    const source = new VectorSource(seed(), 48);
    const index = HnswIndex.create({ dimensions: 48, neighbours: 16, buildBreadth: 100 });
    const count = 2000;
    for (let at = 0; at < count; at += 1) index.put(`first ${at}`, source.next());
    index.link(count);
    const queries = Array.from({ length: 40 }, () => source.next());
    expect(recall(index, queries)).toBeGreaterThanOrEqual(0.97);
    for (let at = 0; at < count / 2; at += 1) {
      index.delete(`first ${at}`);
      index.put(`second ${at}`, source.next());
      index.link(1);
    }
    expect(recall(index, queries)).toBeGreaterThanOrEqual(0.95);
    // Deletions alone: the repair has to keep what is left together.
    for (let at = 0; at < count / 2; at += 1) index.delete(`first ${count / 2 + at}`);
    expect(recall(index, queries)).toBeGreaterThanOrEqual(0.95);
    expect(index.size).toBe(count / 2);
    // Places of the removed are used again: more than a third extra is never taken.
    for (let at = 0; at < count; at += 1) {
      index.put(`second ${at % 500}`, source.next());
      index.link(1);
    }
    expect(recall(index, queries)).toBeGreaterThanOrEqual(0.95);
    expect(index.describe().slotCount).toBeLessThan(count * 1.34);
  });

  it('finds each vector among crowds of copies', () => {
    useBuild(build);
    const source = new VectorSource(seed(), 20);
    const index = HnswIndex.create({ dimensions: 20, neighbours: 8, buildBreadth: 60 });
    const copied = source.next();
    const others = Array.from({ length: 300 }, () => source.next());
    for (let at = 0; at < 300; at += 1) {
      index.put(`copy ${at}`, copied);
      index.put(`other ${at}`, others[at]!);
      index.link(2);
    }
    const found = others.filter((values, at) => {
      return index.search(values, { limit: 1 })[0]?.id === `other ${at}`;
    });
    expect(found.length).toBeGreaterThanOrEqual(297);
    const copies = index.search(copied, { limit: 50 });
    expect(copies.filter(({ id }) => id.startsWith('copy'))).toHaveLength(50);
  });

  it.each(['cosine', 'euclidean'] as const)(
    'finds each vector of a crowd that is nearly one: %s',
    (metric) => {
      useBuild(build);
      const source = new VectorSource(seed(), 20);
      const index = HnswIndex.create({ dimensions: 20, metric, neighbours: 8, buildBreadth: 60 });
      const centre = source.next();
      const crowd = Array.from({ length: 200 }, () =>
        centre.map((value) => value + (source.random.fraction() - 0.5) * 0.01),
      );
      for (let at = 0; at < 1000; at += 1) index.put(`other ${at}`, source.next());
      for (const [at, values] of crowd.entries()) index.put(`near ${at}`, values);
      index.link(1200);
      const found = crowd.filter((values, at) => {
        return index.search(values, { limit: 10 }).some(({ id }) => id === `near ${at}`);
      });
      expect(found.length).toBeGreaterThanOrEqual(190);
      const near = index.search(centre, { limit: 150, breadth: 300 });
      const inCrowd = near.filter(({ id }) => id.startsWith('near'));
      expect(inCrowd.length).toBeGreaterThanOrEqual(148);
    },
  );

  it('finds what a filter allows, whether it scans or walks', () => {
    useBuild(build);
    const source = new VectorSource(seed(), 24);
    const index = HnswIndex.create({ dimensions: 24, neighbours: 12, buildBreadth: 80 });
    for (let at = 0; at < 4000; at += 1) index.put(String(at), source.next());
    index.link(3900);
    for (const every of [2, 3, 10, 100, 5000]) {
      const filter = index.filter((id) => Number(id) % every === 0);
      let found = 0;
      let wanted = 0;
      for (let at = 0; at < 30; at += 1) {
        const query = source.next();
        const exact = index.search(query, { limit: 10, exact: true, filter });
        const hits = index.search(query, { limit: 10, filter });
        for (const { id } of [...exact, ...hits]) expect(Number(id) % every).toBe(0);
        expect(hits).toHaveLength(exact.length);
        expect(exact).toHaveLength(Math.min(10, Math.ceil(4000 / every)));
        found += hits.filter(({ id }) => idsOf(exact).includes(id)).length;
        wanted += exact.length;
      }
      expect(found / wanted, `one of ${every}`).toBeGreaterThanOrEqual(0.97);
    }
    expect(index.search(source.next(), { limit: 5, filter: new Uint8Array(0) })).toEqual([]);
  });

  it('answers a batch like its queries one by one, and orders equal scores by id', () => {
    useBuild(build);
    const source = new VectorSource(seed(), 16);
    const index = HnswIndex.create({ dimensions: 16, metric: 'euclidean' });
    for (let at = 0; at < 300; at += 1) index.put(`id ${at}`, source.next());
    index.link(200);
    const queries = Array.from({ length: 150 }, () => source.next());
    const together = index.searchMany(Float32Array.from(queries.flatMap((one) => [...one])), {
      limit: 7,
    });
    expect(together).toEqual(queries.map((query) => index.search(query, { limit: 7 })));
    const same = source.next();
    for (const id of ['c', 'a', 'b']) index.put(id, same);
    expect(idsOf(index.search(same, { limit: 3 }))).toEqual(['a', 'b', 'c']);
    expect(index.search(same, { limit: 1 })[0]!.score).toBe(0);
  });

  it('refuses what it cannot use, and stays as it was', () => {
    useBuild(build);
    const index = HnswIndex.create({ dimensions: 3 });
    index.put('a', Float32Array.of(1, 2, 3));
    const before = index.search(Float32Array.of(1, 0, 0), { limit: 5 });
    const bad = [
      Float32Array.of(1, Number.NaN, 0),
      Float32Array.of(1, Infinity, 0),
      Float32Array.of(0, -0, 0),
      Float32Array.of(1, 2),
      Float32Array.of(1, 2, 3, 4),
      new Float32Array(0),
      [1, 2, 3] as unknown as Float32Array,
      undefined as unknown as Float32Array,
    ];
    for (const values of bad) {
      expect(() => index.put('a', values)).toThrow(invalid);
      expect(() => index.search(values, { limit: 1 })).toThrow(invalid);
    }
    const good = Float32Array.of(1, 2, 3);
    for (const id of ['', 'x'.repeat(4097), 7 as unknown as string]) {
      expect(() => index.put(id, good)).toThrow(invalid);
    }
    for (const limit of [0, -1, 1.5, 4097, 2 ** 40, Number.NaN]) {
      expect(() => index.search(good, { limit })).toThrow(invalid);
      expect(() => index.search(good, { limit: 1, breadth: limit })).toThrow(invalid);
      if (limit < 1 || limit > 4096) expect(() => index.link(-1)).toThrow(invalid);
    }
    const filter = 'all' as unknown as Uint8Array;
    expect(() => index.search(good, { limit: 1, filter })).toThrow(invalid);
    expect(index.search(Float32Array.of(1, 0, 0), { limit: 5 })).toEqual(before);
    expect(index.get('a')).toEqual(good.map((value) => value / Math.sqrt(14)));
    const euclidean = HnswIndex.create({ dimensions: 1, metric: 'euclidean' });
    expect(() => euclidean.put('a', Float32Array.of(2e15))).toThrow(/beyond/);
    // Extremes that are allowed.
    for (const [id, value] of [
      ['big', 1e15],
      ['tiny', 1e-44],
      ['zero', 0],
    ] as const) {
      euclidean.put(id, Float32Array.of(value));
    }
    expect(idsOf(euclidean.search(Float32Array.of(9e14), { limit: 1 }))).toEqual(['big']);
    for (const settings of [
      { dimensions: 0 },
      { dimensions: 4097 },
      { dimensions: 2.5 },
      { dimensions: 8, neighbours: 1 },
      { dimensions: 8, neighbours: 65 },
      { dimensions: 8, buildBreadth: 15 },
      { dimensions: 8, buildBreadth: 5000 },
      { dimensions: 8, metric: 'hamming' as Metric },
    ]) {
      expect(() => HnswIndex.create(settings)).toThrow(invalid);
    }
  });
});

it('gives a name the same key everywhere', () => {
  // FNV-1a of 32 bits, by its published test vectors.
  expect(keyOfName('')).toBe(0x811c9dc5);
  expect(keyOfName('a')).toBe(0xe40c292c);
  expect(keyOfName('foobar')).toBe(0xbf9cf968);
});
