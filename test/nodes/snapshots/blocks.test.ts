import { createHash } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { BlockCutter } from '../../../nodes/snapshots/blocks.js';
import type { Block } from '../../../nodes/snapshots/blocks.js';
import {
  BLOCK_BYTES_MAX,
  BLOCK_BYTES_MIN,
  BLOCK_BYTES_SPREAD,
} from '../../../nodes/snapshots/limits.js';
import { encodeDumpRecord } from '../../../nodes/wire/dump-codec.js';
import { RandomStream } from '../../../sim/world/random.js';
import { rowOf, seedOf, someRecords } from './support.js';

const seed = seedOf('blocks');
const random = new RandomStream(seed, 'blocks');

function cut(records: readonly Uint8Array[]): Block[] {
  const cutter = new BlockCutter();
  const blocks = records.flatMap((record) => cutter.add(record));
  const last = cutter.end();
  return last === undefined ? blocks : [...blocks, last];
}

function digests(blocks: readonly Block[]): Set<string> {
  return new Set(blocks.map(({ entry }) => entry.toString('hex')));
}

const records = someRecords(20_000_000, random).map(encodeDumpRecord);

describe('blocks', () => {
  it('are the content, each within its bounds and with its digest', () => {
    const blocks = cut(records);
    expect(Buffer.concat(blocks.map(({ bytes }) => bytes)).equals(Buffer.concat(records))).toBe(
      true,
    );
    for (const [at, { bytes, entry }] of blocks.entries()) {
      expect(bytes.length).toBeLessThanOrEqual(BLOCK_BYTES_MAX);
      if (at < blocks.length - 1) expect(bytes.length).toBeGreaterThanOrEqual(BLOCK_BYTES_MIN);
      expect(entry.readUInt32LE(0)).toBe(bytes.length);
      const digest = createHash('sha256').update(bytes).digest();
      expect(entry.subarray(4).equals(digest)).toBe(true);
    }
    const average = 20_000_000 / blocks.length;
    expect(average).toBeGreaterThan(BLOCK_BYTES_MIN);
    expect(average).toBeLessThan(BLOCK_BYTES_MIN + 1.5 * BLOCK_BYTES_SPREAD);
  });

  it('of a record that is longer than a block follow each other', () => {
    const long = encodeDumpRecord(rowOf(1, 3 * BLOCK_BYTES_MAX, random));
    const blocks = cut([long]);
    expect(blocks.length).toBe(4);
    expect(Buffer.concat(blocks.map(({ bytes }) => bytes)).equals(long)).toBe(true);
  });

  it.each([
    ['inserted', (list: Uint8Array[], at: number, row: Uint8Array) => list.splice(at, 0, row)],
    ['replaced', (list: Uint8Array[], at: number, row: Uint8Array) => list.splice(at, 1, row)],
    ['removed', (list: Uint8Array[], at: number) => list.splice(at, 1)],
  ])('around a record that is %s are others, and all the rest are the same', (_, change) => {
    const before = digests(cut(records));
    for (let round = 0; round < 10; round += 1) {
      const changed = [...records];
      const at = random.integer(0, records.length - 1);
      change(changed, at, encodeDumpRecord(rowOf(-1, random.integer(10, 20_000), random)));
      const fresh = [...digests(cut(changed))].filter((digest) => !before.has(digest));
      // Boundaries meet again as soon as both see the same one behind the least length.
      expect(fresh.length).toBeLessThan(12);
    }
  });
});
