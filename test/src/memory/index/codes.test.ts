/** Codes narrower than int8: the same on every build, and recall that rescoring brings back. */
import { describe, expect, it } from 'vitest';

import type { Codes } from '../../../../src/memory/index/codes.js';
import { HnswIndex } from '../../../../src/memory/index/hnsw-index.js';
import { METRICS, type Metric } from '../../../../src/memory/index/kernel.js';
import { trainCodebook } from '../../../../src/memory/index/train-codebook.js';
import { seed } from '../support.js';
import { codesNamed, narrowNames, type NarrowName } from './codes-support.js';
import { builds, checksumsOf, recall, rungs, useBuild, VectorSource } from './support.js';

/** Everything that a life of an index shows. */
function life(metric: Metric, dimensions: number, codes: Codes, start: number): unknown[] {
  const source = new VectorSource(start, dimensions);
  const index = HnswIndex.create({ dimensions, metric, neighbours: 8, buildBreadth: 40, codes });
  const seen: unknown[] = [];
  const look = (): void => {
    const queries = Float32Array.from(Array.from({ length: 5 }, () => [...source.next()]).flat());
    seen.push(index.searchMany(queries, { limit: 10 }));
    seen.push(index.searchMany(queries, { limit: 10, rescore: 0 }));
    seen.push(index.searchMany(queries, { limit: 3, exact: true }));
    const some = index.filter((id) => Number(id) % 3 === 0);
    seen.push(index.searchMany(queries, { limit: 10, rescore: 0, filter: some }));
    const few = index.filter((id) => Number(id) % 50 === 0);
    seen.push(index.searchMany(queries, { limit: 10, rescore: 0, filter: few }));
    const { bytesLow: _, bytesHigh: _high, slotCapacity: _capacity, ...counts } = index.describe();
    seen.push(counts);
  };
  for (let at = 0; at < 300; at += 1) index.put(String(at), source.next());
  look();
  index.link(200);
  look();
  for (let at = 300; at < 330; at += 1) index.put(String(at), new Float32Array(dimensions).fill(1));
  if (metric !== 'cosine') index.put('330', new Float32Array(dimensions));
  index.put('331', new Float32Array(dimensions).fill(1e-38));
  index.link(1000);
  for (let at = 0; at < 200; at += 1) {
    const id = String(source.random.integer(0, 400));
    if (source.random.chance(0.5)) index.delete(id);
    else index.put(id, source.next());
    index.link(source.random.integer(0, 2));
  }
  look();
  index.link(1000);
  look();
  seen.push(...checksumsOf(index, ['blocks', 'rows']));
  index.close();
  return seen;
}

describe('narrow codes on every build of the kernel', () => {
  it.each(narrowNames.flatMap((name) => METRICS.map((metric) => [name, metric] as const)))(
    'answer the same to the last bit: %s, %s',
    (name, metric) => {
      const start = seed();
      for (const dimensions of [1, 3, 64, 100, 384]) {
        const codes = codesNamed(name, start, dimensions, Math.ceil(dimensions / 7), metric);
        const lives = builds.map((build) => {
          useBuild(build);
          return life(metric, dimensions, codes, start);
        });
        for (const [at, other] of lives.entries()) {
          expect(other, `${builds[at]!.name}, ${dimensions} dimensions`).toEqual(lives[0]);
        }
      }
    },
  );
});

/** The recall that rescored searches keep, and that of the codes alone, for vectors around a few centres. */
const FLOORS: Readonly<Record<NarrowName, { readonly rescored: number; readonly alone: number }>> =
  {
    float16: { rescored: 0.97, alone: 0.97 },
    rabitq4: { rescored: 0.97, alone: 0.85 },
    rabitq2: { rescored: 0.97, alone: 0.6 },
    rabitq1: { rescored: 0.95, alone: 0.35 },
    product: { rescored: 0.95, alone: 0.3 },
  };

describe.each(rungs)('narrow codes, $name', (build) => {
  it.each(narrowNames)(
    'keep their recall through churn, filters and removals: %s',
    async (name) => {
      useBuild(build);
      const source = new VectorSource(seed(), 48);
      const vectors = Array.from({ length: 1500 }, () => source.next());
      const codes = name === 'product' ? await trainCodebook(vectors, { subvectors: 12 }) : name;
      const index = HnswIndex.create({ dimensions: 48, buildBreadth: 100, codes });
      for (const [at, vector] of vectors.entries()) index.put(`first ${at}`, vector);
      index.link(2000);
      const queries = Array.from({ length: 40 }, () => source.next());
      const floor = FLOORS[name];
      expect(recall(index, queries)).toBeGreaterThanOrEqual(floor.rescored);
      expect(recallAlone(index, queries)).toBeGreaterThanOrEqual(floor.alone);
      for (let at = 0; at < 750; at += 1) {
        index.delete(`first ${at}`);
        index.put(`second ${at}`, source.next());
        index.link(1);
      }
      expect(recall(index, queries)).toBeGreaterThanOrEqual(floor.rescored - 0.02);
      for (let at = 750; at < 1100; at += 1) index.delete(`first ${at}`);
      expect(recall(index, queries)).toBeGreaterThanOrEqual(floor.rescored - 0.02);
      expect(index.size).toBe(1150);
      const filter = index.filter((id) => id.startsWith('first'));
      for (const query of queries) {
        const hits = index.search(query, { limit: 5, filter });
        expect(hits).toHaveLength(5);
        expect(hits.every(({ id }) => id.startsWith('first'))).toBe(true);
      }
      index.close();
    },
  );

  it.each(narrowNames)('give the same graph with more threads: %s', async (name) => {
    useBuild(build);
    const start = seed();
    const answers: unknown[] = [];
    for (const threads of [1, 3]) {
      const source = new VectorSource(start, 24);
      const codes = codesNamed(name, start, 24, 6);
      const index = HnswIndex.create({ dimensions: 24, neighbours: 8, buildBreadth: 40, codes });
      for (let at = 0; at < 1600; at += 1) index.put(String(at), source.next());
      await index.linkAll({ threads });
      expect(index.describe().pendingCount).toBe(0);
      const queries = Array.from({ length: 10 }, () => source.next());
      answers.push(queries.map((query) => index.search(query, { limit: 10 })));
      expect(recall(index, queries)).toBeGreaterThanOrEqual(0.9);
      index.close();
    }
    expect(answers[1]).toEqual(answers[0]);
  });

  it.each(narrowNames)('find each vector where many have the same codes: %s', async (name) => {
    useBuild(build);
    const source = new VectorSource(seed(), 64);
    const crowd = source.next();
    const copied = source.next();
    const others = Array.from({ length: 300 }, () => source.next());
    // So near to one another that 4, 2 and 1 bit and centroids cannot tell them apart; and copies.
    const near = Array.from({ length: 300 }, () =>
      crowd.map((value) => value + (source.random.fraction() - 0.5) * 0.05),
    );
    const codes =
      name === 'product' ? await trainCodebook([...others, ...near], { subvectors: 16 }) : name;
    // With 8 neighbours one seed in a hundred leaves a small group of vectors that nobody else links to.
    const index = HnswIndex.create({ dimensions: 64, neighbours: 16, buildBreadth: 60, codes });
    for (let at = 0; at < 300; at += 1) {
      index.put(`copy ${at}`, copied);
      index.put(`near ${at}`, near[at]!);
      index.put(`other ${at}`, others[at]!);
      index.link(3);
    }
    const find = (vector: Float32Array, id: string): boolean =>
      index.search(vector, { limit: 10, breadth: 400, rescore: 40 }).some((hit) => hit.id === id);
    const found = others.filter((vector, at) => find(vector, `other ${at}`)).length;
    expect(found).toBeGreaterThanOrEqual(291);
    for (let at = 0; at < 300; at += 1) index.delete(`copy ${at}`);
    const foundNear = near.filter((vector, at) => find(vector, `near ${at}`)).length;
    expect(foundNear).toBeGreaterThanOrEqual(285);
    index.close();
  });
});

/** Share of the exact ten best that the codes name, compared with all of them. */
function recallAlone(index: HnswIndex, queries: readonly Float32Array[]): number {
  let found = 0;
  for (const query of queries) {
    const exact = new Set(index.search(query, { limit: 10, exact: true }).map(({ id }) => id));
    const hits = index.search(query, { limit: 10, rescore: 0 });
    found += hits.filter(({ id }) => exact.has(id)).length;
  }
  return found / (10 * queries.length);
}
