/** The same calls to every build of the kernel: the same answers and the same bytes. */
import { describe, expect, it } from 'vitest';

import { HnswIndex } from '../../../../src/memory/index/hnsw-index.js';
import { METRICS, type Metric } from '../../../../src/memory/index/kernel.js';
import { detectSimd, RUNG_VARIABLE } from '../../../../src/memory/index/rung.js';
import { seed } from '../support.js';
import { builds, checksumsOf, recall, rungs, useBuild, VectorSource } from './support.js';

/** Everything that a life of an index shows: hits with their scores, counts, and its bytes. */
function life(metric: Metric, dimensions: number, start: number): unknown[] {
  const source = new VectorSource(start, dimensions);
  const index = HnswIndex.create({ dimensions, metric, neighbours: 8, buildBreadth: 40 });
  const seen: unknown[] = [];
  const look = (): void => {
    const queries = Float32Array.from(Array.from({ length: 5 }, () => [...source.next()]).flat());
    seen.push(index.searchMany(queries, { limit: 10 }));
    seen.push(index.searchMany(queries, { limit: 3, exact: true }));
    const some = index.filter((id) => Number(id) % 3 === 0);
    seen.push(index.searchMany(queries, { limit: 10, filter: some }));
    const few = index.filter((id) => Number(id) % 50 === 0);
    seen.push(index.searchMany(queries, { limit: 10, filter: few }));
    const { bytesLow: _, bytesHigh: _high, slotCapacity: _capacity, ...counts } = index.describe();
    seen.push(counts);
  };
  for (let at = 0; at < 600; at += 1) index.put(String(at), source.next());
  look();
  index.link(400);
  look();
  // Copies of one vector, and one without codes.
  for (let at = 600; at < 650; at += 1) index.put(String(at), new Float32Array(dimensions).fill(1));
  if (metric !== 'cosine') index.put('650', new Float32Array(dimensions));
  index.link(1000);
  look();
  for (let at = 0; at < 400; at += 1) {
    const id = String(source.random.integer(0, 700));
    if (source.random.chance(0.5)) index.delete(id);
    else index.put(id, source.next());
    index.link(source.random.integer(0, 2));
  }
  look();
  index.link(1000);
  look();
  seen.push(...checksumsOf(index, ['blocks', 'originals', 'rows']));
  index.close();
  return seen;
}

describe('every build of the kernel', () => {
  it.each(METRICS)('answers the same to the last bit: %s', (metric) => {
    const start = seed();
    // Codes with whole lanes of 64 bytes, and with 8 to 56 bytes more.
    for (const dimensions of [3, 64, 100, 130, 180, 384]) {
      const lives = builds.map((build) => {
        useBuild(build);
        return life(metric, dimensions, start);
      });
      for (const [at, other] of lives.entries()) {
        expect(other, `${builds[at]!.name}, ${dimensions} dimensions`).toEqual(lives[0]);
      }
    }
  });

  it('keeps many equal distances in the same order, whatever the breadth', () => {
    const start = seed();
    const answers = builds.map((build) => {
      useBuild(build);
      const source = new VectorSource(start, 12);
      const whole = (): Float32Array => source.next().map((value) => Math.sign(value));
      const index = HnswIndex.create({ dimensions: 12, metric: 'euclidean', buildBreadth: 60 });
      for (let at = 0; at < 1500; at += 1) index.put(String(at), whole());
      index.link(1500);
      const seen: unknown[] = [...checksumsOf(index, ['blocks', 'rows'])];
      // From 1,025 on heaps take the place of the array in order.
      for (const breadth of [1, 10, 300, 1024, 1025, 4096]) {
        const query = whole();
        seen.push(index.search(query, { limit: 10, breadth }));
        seen.push(index.search(query, { limit: 1200, breadth, rescore: 0 }));
      }
      index.close();
      return seen;
    });
    for (const [at, other] of answers.entries())
      expect(other, builds[at]!.name).toEqual(answers[0]);
  });

  it.each(rungs)('finds in the array in order what the heaps find: $name', (build) => {
    useBuild(build);
    const source = new VectorSource(seed(), 24);
    const index = HnswIndex.create({ dimensions: 24, buildBreadth: 60 });
    for (let at = 0; at < 3000; at += 1) index.put(String(at), source.next());
    index.link(3000);
    // A filter takes heaps; with one that allows all this many are walked and not scanned.
    const filter = index.filter(() => true);
    for (const breadth of [10, 25, 60]) {
      for (let at = 0; at < 30; at += 1) {
        const query = source.next();
        const how = { limit: 10, breadth, rescore: 0 };
        expect(index.search(query, how)).toEqual(index.search(query, { ...how, filter }));
      }
    }
    index.close();
  });

  it('keeps recall when half of it goes and comes back, with the same neighbours on every rung', () => {
    const start = seed();
    const answers = rungs.map((build) => {
      useBuild(build);
      const source = new VectorSource(start, 32);
      const index = HnswIndex.create({ dimensions: 32, buildBreadth: 100 });
      for (let at = 0; at < 1500; at += 1) index.put(String(at), source.next());
      index.link(1500);
      const queries = Array.from({ length: 30 }, () => source.next());
      const seen: unknown[] = [];
      const look = (state: string): void => {
        expect(recall(index, queries), `${build.name}, ${state}`).toBeGreaterThanOrEqual(0.95);
        seen.push(queries.map((query) => index.search(query, { limit: 10 })));
      };
      for (let at = 0; at < 750; at += 1) index.delete(String(at * 2));
      look('half of it removed');
      for (let at = 0; at < 750; at += 1) {
        index.put(String(at * 2), source.next());
        index.link(1);
      }
      look('as many put');
      for (let at = 0; at < 750; at += 1) {
        index.put(String(at * 2 + 1), source.next());
        index.link(1);
      }
      look('the other half replaced');
      index.close();
      return seen;
    });
    for (const [at, other] of answers.entries()) expect(other, rungs[at]!.name).toEqual(answers[0]);
  });

  it('computes XXH32, by the vectors of its specification', () => {
    // From xxHash's own sanity check: bytes of a generator that starts at 2654435761.
    const bytes = new Uint8Array(222);
    let generator = 2654435761n;
    for (let i = 0; i < bytes.length; i += 1) {
      bytes[i] = Number((generator >> 56n) & 0xffn);
      generator = (generator * 11400714785074694797n) & 0xffff_ffff_ffff_ffffn;
    }
    const cases = [
      [0, 0, 0x02cc5d05],
      [0, 2654435761, 0x36b78ae7],
      [1, 0, 0xcf65b03e],
      [14, 0, 0x1208e7e2],
      [222, 0, 0x5bd11dbd],
      [222, 2654435761, 0x58803c5f],
    ] as const;
    for (const build of builds) {
      useBuild(build);
      const { kernel } = HnswIndex.create({ dimensions: 2 }).parts();
      for (const [length, start, expected] of cases) {
        expect(kernel.checksum(bytes.subarray(0, length), start), build.name).toBe(expected);
      }
    }
  });
});

describe('the choice of the rung', () => {
  it('follows the environment', () => {
    for (const build of builds) {
      useBuild(build);
      expect(detectSimd().rung).toBe(build.rung);
    }
  });

  it('refuses a name that is none', () => {
    process.env[RUNG_VARIABLE] = 'sse9';
    expect(() => detectSimd()).toThrow(
      expect.objectContaining({
        code: 'invalid',
        message: expect.stringContaining('native, wasm, js'),
      }),
    );
  });
});
