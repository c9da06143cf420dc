/** Snapshots of indexes with narrow codes, on every rung. */
import { readFileSync, writeFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';

import { MemoryError } from '../../../../src/memory/errors.js';
import { Codebook } from '../../../../src/memory/index/codebook.js';
import { HnswIndex } from '../../../../src/memory/index/hnsw-index.js';
import { saveSnapshot } from '../../../../src/memory/index/snapshot-file.js';
import { openSnapshot } from '../../../../src/memory/index/snapshot-reader.js';
import { RandomStream } from '../../../../sim/world/random.js';
import { scratch, seed } from '../support.js';
import { codesNamed, narrowNames, type NarrowName } from './codes-support.js';
import { GOLDEN_CODES_V3_DEFLATED } from './golden-codes-v3.js';
import { GOLDEN_CODES_DEFLATED } from './golden-codes.js';
import { recall, rungs, useBuild, VectorSource } from './support.js';

const DIMENSIONS = 20;
const PAGE_BYTES = 4096;

/** A small index with one of everything; its vectors and centroids are whole numbers. */
function small(name: NarrowName): HnswIndex {
  const centroids = Float32Array.from({ length: 3 * 256 }, (_, at) => at % 12);
  const book = new Codebook({ dimensions: 3, subvectors: 2, metric: 'euclidean' }, centroids);
  const index = HnswIndex.create({
    dimensions: 3,
    metric: 'euclidean',
    neighbours: 2,
    buildBreadth: 8,
    codes: name === 'product' ? book : name,
  });
  for (let at = 0; at < 12; at += 1) {
    index.put(`id ${at}`, Float32Array.of(at % 5, (at * 7) % 11, at / 4));
  }
  index.put('twin', Float32Array.of(0, 0, 0));
  index.put('other twin', Float32Array.of(0, 0, 0));
  index.link(20);
  index.delete('id 3');
  index.put('waits', Float32Array.of(9, 9, 9));
  return index;
}

function large(name: NarrowName, start: number): HnswIndex {
  const source = new VectorSource(start, DIMENSIONS);
  const codes = codesNamed(name, start, DIMENSIONS, 10);
  const index = HnswIndex.create({
    dimensions: DIMENSIONS,
    neighbours: 8,
    buildBreadth: 60,
    codes,
  });
  for (let at = 0; at < 1200; at += 1) index.put(String(at), source.next());
  index.link(1100);
  for (let at = 0; at < 100; at += 1) index.delete(String(at * 3));
  return index;
}

/** What an index answers and what it is, after it went on for a while. */
function goOn(index: HnswIndex, start: number): unknown[] {
  const source = new VectorSource(start + 1, DIMENSIONS);
  const queries = Array.from({ length: 20 }, () => source.next());
  const seen: unknown[] = [];
  const look = (): void => {
    seen.push(queries.map((query) => index.search(query, { limit: 10 })));
    seen.push(queries.map((query) => index.search(query, { limit: 10, rescore: 0 })));
  };
  look();
  index.link(200);
  for (let at = 0; at < 300; at += 1) {
    index.delete(String(at));
    index.put(`new ${at}`, source.next());
    index.link(1);
  }
  look();
  expect(recall(index, queries)).toBeGreaterThanOrEqual(0.9);
  return seen;
}

describe.each(narrowNames)('a snapshot with codes %s', (name) => {
  it('comes back as it was and goes on, the same on every rung', () => {
    const start = seed();
    const lives = rungs.map((build) => {
      useBuild(build);
      const index = large(name, start);
      const path = scratch('codes.index');
      saveSnapshot(index, path, 'label');
      const opened = openSnapshot(path);
      expect(opened.label).toBe('label');
      expect(opened.index.settings).toEqual(index.settings);
      const source = new VectorSource(start + 3, DIMENSIONS);
      for (let at = 0; at < 20; at += 1) {
        const query = source.next();
        const how = { limit: 10, rescore: at % 2 === 0 ? 0 : 5 };
        expect(opened.index.search(query, how)).toEqual(index.search(query, how));
      }
      const seen = goOn(opened.index, start);
      saveSnapshot(opened.index, path);
      const again = openSnapshot(path).index;
      const query = new VectorSource(start + 2, DIMENSIONS).next();
      expect(again.search(query, { limit: 10 })).toEqual(opened.index.search(query, { limit: 10 }));
      for (const each of [index, opened.index, again]) each.close();
      return seen;
    });
    for (const [at, other] of lives.entries()) expect(other, rungs[at]!.name).toEqual(lives[0]);
  });

  it.each(rungs)('has its bytes, and is read: $name', (build) => {
    useBuild(build);
    const [before, now] = [GOLDEN_CODES_DEFLATED, GOLDEN_CODES_V3_DEFLATED].map((goldens) =>
      inflateRawSync(Buffer.from(goldens[name].join(''), 'base64')),
    );
    const path = scratch('small.index');
    saveSnapshot(small(name), path, 'label');
    expect(readFileSync(path).equals(now!)).toBe(true);
    const query = Float32Array.of(1, 2, 3);
    const hits = small(name).search(query, { limit: 20 });
    expect(hits).toHaveLength(14);
    for (const golden of [before!, now!]) {
      writeFileSync(path, golden);
      const { index } = openSnapshot(path);
      expect(index.search(query, { limit: 20 })).toEqual(hits);
      // Written again it is of today.
      saveSnapshot(index, path, 'label');
      expect(readFileSync(path).equals(now!)).toBe(true);
    }
  });

  it.each(rungs)('is refused when a byte of it was changed: $name', (build) => {
    useBuild(build);
    const path = scratch('small.index');
    saveSnapshot(small(name), path, 'label');
    const file = readFileSync(path);
    // The originals are the last page, and each of them is checked when it is touched.
    const end = file.length - (file.length % PAGE_BYTES);
    const told = Array.from({ length: end }, (_, at) => at).filter((at) => file[at] !== 0);
    const random = new RandomStream(seed(), 'bytes');
    for (let flips = 0; flips < 60; flips += 1) {
      // Zeros between sections say nothing.
      const at = random.pick(told);
      const flipped = Buffer.from(file);
      flipped[at]! ^= 1 << random.integer(0, 7);
      writeFileSync(path, flipped);
      expect(() => openSnapshot(path), `byte ${at}`).toThrow(MemoryError);
    }
  });

  it.each(rungs)('tells of damaged originals when it links by them: $name', (build) => {
    useBuild(build);
    const path = scratch('small.index');
    saveSnapshot(small(name), path, 'label');
    const file = readFileSync(path);
    file.fill(0x55, file.length - (file.length % PAGE_BYTES));
    writeFileSync(path, file);
    const { index } = openSnapshot(path);
    expect(() => index.link(20)).toThrow(expect.objectContaining({ code: 'damaged' }));
    index.close();
  });
});

describe('a snapshot with a codebook', () => {
  beforeEach(() => useBuild(rungs[0]!));

  it('knows the codebook again', () => {
    const path = scratch('book.index');
    saveSnapshot(small('product'), path);
    const { codes } = openSnapshot(path).index.settings;
    expect(codes).toBeInstanceOf(Codebook);
    expect((codes as Codebook).centroids).toEqual(
      (small('product').settings.codes as Codebook).centroids,
    );
  });
});
