/** Codes narrower than int8: the same on every build, and recall that rescoring brings back. */
import { describe, expect, it } from 'vitest';

import type { Codes } from '../../../../src/memory/index/codes.js';
import { HnswIndex } from '../../../../src/memory/index/hnsw-index.js';
import { METRICS, PART, type Metric } from '../../../../src/memory/index/kernel.js';
import { seed } from '../support.js';
import { codesNamed, narrowNames } from './codes-support.js';
import { builds, useBuild, VectorSource } from './support.js';

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
    const { bytesLow: _, bytesHigh: _high, ...counts } = index.describe();
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
  const { kernel } = index.parts();
  const { slotCount, rowCount, blockBytes, rowBytes } = index.describe();
  for (const [part, count, each] of [
    [PART.blocks, slotCount, blockBytes],
    [PART.rows, rowCount, rowBytes],
  ] as const) {
    const bytes = new Uint8Array(count * each);
    expect(kernel.read(part, 0, count, bytes)).toBe(0);
    seen.push(kernel.checksum(bytes, 7));
  }
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
    120_000,
  );
});
