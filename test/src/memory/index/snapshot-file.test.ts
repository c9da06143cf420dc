/** The file of an index: what it holds, what it looks like, and what it refuses. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';

import { MemoryError } from '../../../../src/memory/errors.js';
import { HnswIndex, type HnswHit } from '../../../../src/memory/index/hnsw-index.js';
import { describeKernel } from '../../../../src/memory/index/kernel.js';
import { PaddedBlocks } from '../../../../src/memory/index/padded-blocks.js';
import { createKernel } from '../../../../src/memory/index/rung.js';
import { saveSnapshot } from '../../../../src/memory/index/snapshot-file.js';
import { openSnapshot } from '../../../../src/memory/index/snapshot-reader.js';
import {
  decodeHeader,
  encodeHeader,
  HEADER_BYTES,
  layOut,
  UNPADDED_VERSION,
  type BySection,
  type Section,
  type SnapshotHeader,
} from '../../../../src/memory/index/snapshot-header.js';
import { RandomStream } from '../../../../sim/world/random.js';
import { scratch, seed } from '../support.js';
import { GOLDEN_V1 } from './golden-v1.js';
import { GOLDEN_V2_DEFLATED } from './golden-v2.js';
import { GOLDEN_V3_DEFLATED } from './golden-v3.js';
import { builds, recall, rungs, useBuild, VectorSource } from './support.js';

const goldenV1 = Buffer.from(GOLDEN_V1, 'base64');
const goldenV2 = inflateRawSync(Buffer.from(GOLDEN_V2_DEFLATED, 'base64'));
const goldenV3 = inflateRawSync(Buffer.from(GOLDEN_V3_DEFLATED, 'base64'));
const goldens = [
  ['version 1', goldenV1],
  ['version 2', goldenV2],
  ['version 3', goldenV3],
] as const;

/** A small index with one of everything: nodes, a twin, a removed and a pending one. */
function small(): HnswIndex {
  const index = HnswIndex.create({
    dimensions: 3,
    metric: 'euclidean',
    neighbours: 2,
    buildBreadth: 8,
  });
  for (let at = 0; at < 12; at += 1) {
    index.put(`id ${at}\n"é"`, Float32Array.of(at % 5, (at * 7) % 11, at / 4));
  }
  index.put('twin', Float32Array.of(0, 0, 0));
  index.put('\ud800 alone', Float32Array.of(0, 0, 0));
  index.link(20);
  index.delete('id 3\n"é"');
  index.put('waits', Float32Array.of(9, 9, 9));
  return index;
}

function large(start: number): HnswIndex {
  const source = new VectorSource(start, 20);
  const index = HnswIndex.create({ dimensions: 20, neighbours: 8, buildBreadth: 40 });
  for (let at = 0; at < 2500; at += 1) index.put(String(at), source.next());
  index.link(2400);
  for (let at = 0; at < 300; at += 1) index.delete(String(at * 3));
  return index;
}

// Generous: the machine may be busy with other tests.
describe.each(rungs)('a snapshot, $name', (build) => {
  beforeEach(() => useBuild(build));

  it('comes back as it was, and goes on', () => {
    const start = seed();
    const index = large(start);
    const path = scratch('large.index');
    saveSnapshot(index, path, 'model é, index 7');
    const opened = openSnapshot(path);
    expect(opened.label).toBe('model é, index 7');
    expect(opened.index.size).toBe(index.size);
    expect(opened.index.settings).toEqual(index.settings);
    const source = new VectorSource(start + 1, 20);
    const queries = Array.from({ length: 30 }, () => source.next());
    for (const query of queries) {
      expect(opened.index.search(query, { limit: 10 })).toEqual(index.search(query, { limit: 10 }));
    }
    opened.index.link(200);
    for (let at = 0; at < 800; at += 1) {
      opened.index.delete(String(at));
      opened.index.put(`new ${at}`, source.next());
      opened.index.link(1);
    }
    expect(recall(opened.index, queries)).toBeGreaterThanOrEqual(0.95);
    // Written over the old one, by way of a file beside it.
    saveSnapshot(opened.index, path);
    expect(openSnapshot(path).index.size).toBe(opened.index.size);
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  it('has the bytes of version 3', () => {
    const path = scratch('small.index');
    saveSnapshot(small(), path, 'label');
    expect(readFileSync(path).equals(goldenV3)).toBe(true);
  });

  it.each(goldens)('of %s is read, and goes on as one of today', (_, golden) => {
    const path = scratch('golden.index');
    writeFileSync(path, golden);
    const { index: read } = openSnapshot(path);
    saveSnapshot(read, path, 'label');
    // Version 1 came with other scales and ids.
    expect(readFileSync(path).equals(goldenV3)).toBe(golden !== goldenV1);
    const { index } = openSnapshot(path);
    const query = Float32Array.of(1, 2, 3);
    expect(index.search(query, { limit: 20 })).toEqual(small().search(query, { limit: 20 }));
    expect(index.search(query, { limit: 20 })).toHaveLength(14);
    expect(index.has('\ud800 alone')).toBe(true);
  });

  it('that is open may be replaced and removed', () => {
    const start = seed();
    const index = large(start);
    const path = scratch('replaced.index');
    saveSnapshot(index, path);
    const opened = openSnapshot(path).index;
    saveSnapshot(small(), path);
    rmSync(path);
    const source = new VectorSource(start + 1, 20);
    for (let at = 0; at < 20; at += 1) {
      const query = source.next();
      const how = { limit: 10, exact: at % 2 === 0 };
      expect(opened.search(query, how)).toEqual(index.search(query, how));
    }
    opened.close();
  });

  it('of an empty index is one', () => {
    const path = scratch('empty.index');
    saveSnapshot(HnswIndex.create({ dimensions: 7 }), path);
    const { index } = openSnapshot(path);
    expect(index.search(new Float32Array(7).fill(1), { limit: 3 })).toEqual([]);
    index.put('a', new Float32Array(7).fill(2));
    expect(index.search(new Float32Array(7).fill(1), { limit: 3 })).toHaveLength(1);
  });

  it.each(goldens)('of %s is refused when a byte was changed, cut off or added', (_, whole) => {
    const query = Float32Array.of(1, 2, 3);
    const path = scratch('hostile.index');
    const refusal = (bytes: Uint8Array): string => {
      writeFileSync(path, bytes);
      let index: HnswIndex;
      try {
        index = openSnapshot(path).index;
      } catch (error) {
        expect(error).toBeInstanceOf(MemoryError);
        expect((error as MemoryError).message).toContain(path);
        return (error as MemoryError).code;
      }
      // From version 2 on originals are looked at when they are used.
      try {
        expect(index.search(query, { limit: 20, exact: true })).toEqual(hits);
      } catch (error) {
        expect(error).toMatchObject({ name: 'MemoryError', code: 'damaged' });
        return 'damaged';
      } finally {
        index.close();
      }
      return 'opened';
    };
    const hits = small().search(query, { limit: 20, exact: true });
    const { start, bytes } = sectionsOf(whole).originals;
    const isOriginal = (at: number): boolean => at >= start && at < start + bytes;
    const isPaged = whole.readUInt32LE(8) > 1;
    const gaps = gapsOf(whole);
    for (let at = 0; at < whole.length; at += 1) {
      // Of the large sections every seventh byte; each opening makes a kernel.
      if (at > 2 * HEADER_BYTES && at % (gaps.has(at) ? 997 : 7) !== 0) continue;
      const changed = Buffer.from(whole);
      changed[at]! ^= 1 << (at % 8);
      const code = refusal(changed);
      // What is in no section is not looked at.
      if (gaps.has(at)) expect(code).toBe('opened');
      // Nobody uses the original of a removed vector.
      else if (isOriginal(at) && isPaged) expect(code).toMatch(/^(?:opened|damaged)$/);
      else expect(code, `byte ${at}`).toMatch(/^(?:damaged|not-a-database|newer-version)$/);
    }
    for (let length = 0; length < whole.length; length += isPaged ? 101 : 13) {
      expect(refusal(whole.subarray(0, length))).toMatch(/^(?:damaged|not-a-database)$/);
    }
    expect(refusal(Buffer.concat([whole, Buffer.alloc(1)]))).toBe('damaged');
    expect(refusal(Buffer.from('SQLite format 3\0'.repeat(20)))).toBe('not-a-database');
    const newer = Buffer.from(whole);
    newer.writeUInt32LE(4, 8);
    expect(refusal(newer)).toBe('newer-version');
    expect(() => openSnapshot(scratch('nowhere.index'))).toThrow(
      expect.objectContaining({ code: 'not-found' }),
    );
  });

  it('with forged checksums is refused, or is an index that works', () => {
    const random = new RandomStream(seed(), 'forged snapshots');
    const path = scratch('forged.index');
    const gaps = gapsOf(goldenV3);
    const places = [...goldenV3.keys()].filter((at) => at >= HEADER_BYTES && !gaps.has(at));
    let refused = 0;
    for (let round = 0; round < 600; round += 1) {
      const forged = Buffer.from(goldenV3);
      for (let change = random.integer(1, 3); change > 0; change -= 1) {
        const value = random.pick([0, 255, 127, 128, random.integer(0, 255)]);
        forged[random.pick(places)] = value;
      }
      const entry = random.chance(0.1) ? random.integer(0, 20) : undefined;
      writeFileSync(path, sign(forged, entry));
      let index: HnswIndex;
      try {
        index = openSnapshot(path).index;
      } catch (error) {
        expect(error).toMatchObject({ name: 'MemoryError', code: 'damaged' });
        refused += 1;
        continue;
      }
      for (let step = 0; step < 40; step += 1) {
        const values = Float32Array.from({ length: 3 }, () => random.integer(-9, 9));
        const hits = searchOrNothing(index, values);
        for (const { id } of hits) expect(index.has(id)).toBe(true);
        index.put(String(random.integer(0, 20)), values);
        index.delete(String(random.integer(0, 20)));
        if (step % 3 === 0 && hits[0] !== undefined) index.delete(hits[0].id);
        index.link(random.integer(0, 2));
      }
      index.close();
    }
    expect(refused).toBeGreaterThan(80);
  });
});

/** An original that was changed is met by the searches that need it, and by no other call. */
function searchOrNothing(index: HnswIndex, query: Float32Array): HnswHit[] {
  try {
    return index.search(query, { limit: 5 });
  } catch (error) {
    expect(error).toMatchObject({ name: 'MemoryError', code: 'damaged' });
    return [];
  }
}

it('has the same bytes whichever build wrote it', () => {
  const start = seed();
  const sums = builds.map((build) => {
    useBuild(build);
    const path = scratch('same.index');
    saveSnapshot(large(start), path, 'x');
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  });
  expect(new Set(sums).size).toBe(1);
});

/** Bytes that this process has asked of files so far, by the kernel's own count. */
function bytesReadSoFar(): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'latin1'))![1]);
}

// How long it takes is measured by `npm run bench -- memory`; what it does is counted here.
it.each(rungs)('opens without reading the originals, and links nothing anew, $name', (build) => {
  useBuild(build);
  // What is linked how well does not matter to the opening: a narrow search builds it sooner.
  const source = new VectorSource(seed(), 384);
  const index = HnswIndex.create({ dimensions: 384, neighbours: 16, buildBreadth: 16 });
  const count = build.rung === 'js' ? 1000 : 5000;
  for (let at = 0; at < count; at += 1) index.put(`memory ${at}`, source.next());
  index.link(count);
  const path = scratch('counted.index');
  saveSnapshot(index, path);
  const before = bytesReadSoFar();
  const opened = openSnapshot(path).index;
  const read = bytesReadSoFar() - before;
  const { originals, blocks } = sectionsOf(readFileSync(path));
  // Where the kernel maps, blocks are read by way of page faults, which are no reading to this count.
  const mapped = build.rung === 'native' ? originals.bytes + blocks.bytes : originals.bytes;
  // The count is read from a file too, which is the little that is over; gaps are not read.
  expect(read).toBeGreaterThanOrEqual(statSync(path).size - mapped - 7 * 4096);
  expect(read).toBeLessThan(statSync(path).size - mapped + 16_384);
  expect(opened.describe()).toMatchObject({ linkedCount: count, pendingCount: 0 });
  const query = source.next();
  expect(opened.search(query, { limit: 10 })).toEqual(index.search(query, { limit: 10 }));
});

/** The places of a file that belong to no section and not to the header. */
function gapsOf(file: Buffer): Set<number> {
  const gaps = new Set(file.keys());
  const headerBytes = headerOf(file).version === 1 ? HEADER_BYTES / 2 : HEADER_BYTES;
  for (let at = 0; at < headerBytes; at += 1) gaps.delete(at);
  for (const { start, bytes } of Object.values(sectionsOf(file))) {
    for (let at = start; at < start + bytes; at += 1) gaps.delete(at);
  }
  return gaps;
}

function headerOf(file: Buffer): SnapshotHeader {
  // The checksum does not depend on the settings.
  const kernel = createKernel({
    dimensions: 3,
    metric: 'euclidean',
    neighbours: 2,
    breadth: 8,
    codes: 'int8',
  });
  const head = decodeHeader(file.subarray(0, HEADER_BYTES), (bytes) => kernel.checksum(bytes, 0));
  kernel.destroy();
  if (typeof head === 'string') throw new Error(`the header is ${head}`);
  return head;
}

function sectionsOf(file: Buffer): BySection<{ start: number; bytes: number }> {
  const head = headerOf(file);
  const kernel = createKernel({ ...head.settings, codes: 'int8' });
  const each = describeKernel(kernel);
  kernel.destroy();
  const { blockBytes } =
    head.version < UNPADDED_VERSION
      ? new PaddedBlocks(head.codes, head.settings.dimensions, each)
      : each;
  return layOut(head, { ...each, blockBytes }, head.version).sections;
}

/** The file with checksums that fit, but for those of originals. Each section is small enough to be one piece. */
function sign(file: Buffer, entry: number | undefined): Buffer {
  const head = headerOf(goldenV3);
  const sections = sectionsOf(goldenV3);
  const kernel = createKernel({ ...head.settings, codes: 'int8' });
  const sum = (section: Section): number => {
    const { start, bytes } = sections[section];
    return kernel.checksum(file.subarray(start, start + bytes), 0);
  };
  const summed = Object.keys(head.checksums) as Section[];
  const checksums = Object.fromEntries(summed.map((section) => [section, sum(section)]));
  const signed = encodeHeader({ ...head, checksums, entry: entry ?? head.entry }, kernel);
  kernel.destroy();
  return Buffer.concat([signed, file.subarray(HEADER_BYTES)]);
}
