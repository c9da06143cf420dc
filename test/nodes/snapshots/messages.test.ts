import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { NodeError } from '../../../nodes/errors.js';
import {
  packOffer,
  packPrepare,
  packPrepared,
  packProgress,
  packRead,
  parseOffer,
  parsePrepare,
  parsePrepared,
  parseProgress,
  parseRead,
} from '../../../nodes/snapshots/messages.js';
import { decode, encode } from '../../../nodes/wire/fields.js';
import { seedOf } from './support.js';

const seed = seedOf('snapshot messages');
const id = '01'.repeat(32);
const hex = (value: unknown): string => Buffer.from(encode(value)).toString('hex');
const text = (letters: string): string => Buffer.from(letters).toString('hex');

/** Bytes that version 1 writes. They never change: a later version reads them too. */
const GOLDEN: readonly (readonly [
  string,
  packed: unknown[],
  golden: string,
  parse: (payload: unknown) => unknown,
  value: unknown,
])[] = [
  [
    'offer',
    packOffer({ term: 7, leader: 1, leastIndex: 4_000, sources: [3, 2, 1] }),
    `96ae${text('snapshot-offer')}010701cd0fa093030201`,
    parseOffer,
    { term: 7, leader: 1, leastIndex: 4_000, sources: [3, 2, 1] },
  ],
  [
    'progress',
    packProgress({ phase: 'reading', index: 4_100, bytes: 5, bytesTotal: 300 }),
    `96b1${text('snapshot-progress')}01a7${text('reading')}cd100405cd012c`,
    parseProgress,
    { phase: 'reading', index: 4_100, bytes: 5, bytesTotal: 300 },
  ],
  [
    'prepare',
    packPrepare({ leastIndex: 4_000, id: null, isDamaged: false }),
    `95b0${text('snapshot-prepare')}01cd0fa0c0c2`,
    parsePrepare,
    { leastIndex: 4_000, id: null, isDamaged: false },
  ],
  [
    'prepare of one',
    packPrepare({ leastIndex: 0, id, isDamaged: true }),
    `95b0${text('snapshot-prepare')}0100d940${text(id)}c3`,
    parsePrepare,
    { leastIndex: 0, id, isDamaged: true },
  ],
  [
    'prepared, not yet',
    packPrepared({ state: 'preparing', description: null, bytesPerSecondMax: 0 }),
    `95b1${text('snapshot-prepared')}01a9${text('preparing')}c000`,
    parsePrepared,
    { state: 'preparing', description: null, bytesPerSecondMax: 0 },
  ],
  [
    'prepared',
    packPrepared({
      state: 'prepared',
      description: { id, index: 9, contentBytes: 70_000, blocks: 2 },
      bytesPerSecondMax: 1_000,
    }),
    `95b1${text('snapshot-prepared')}01a8${text('prepared')}94d940${text(id)}09ce0001117002cd03e8`,
    parsePrepared,
    {
      state: 'prepared',
      description: { id, index: 9, contentBytes: 70_000, blocks: 2 },
      bytesPerSecondMax: 1_000,
    },
  ],
  [
    'read',
    packRead({ id, offset: 65_536, length: 1_024 }),
    `95ad${text('snapshot-read')}01d940${text(id)}ce00010000cd0400`,
    parseRead,
    { id, offset: 65_536, length: 1_024 },
  ],
];

describe('messages about snapshots', () => {
  it.each(GOLDEN)('%s: has its golden bytes', (_, packed, golden, parse, value) => {
    expect(hex(packed)).toBe(golden);
    expect(parse(decode(Buffer.from(golden, 'hex'), 'message'))).toEqual(value);
  });

  it.each(GOLDEN)('%s: of another version is refused by name', (_, packed, __, parse) => {
    expect(() => parse([packed[0], 2, ...packed.slice(2)])).toThrow(/version must be 1; it is 2/);
  });

  it('that are damaged are a message or malformed, whatever the damage', () => {
    const damaged = fc
      .tuple(fc.constantFrom(...GOLDEN), fc.nat(), fc.integer({ min: 0, max: 255 }))
      .map(([[, , golden, parse], position, byte]) => {
        const bytes = Buffer.from(golden, 'hex');
        bytes[position % bytes.length] = byte;
        return [bytes, parse] as const;
      });
    fc.assert(
      fc.property(damaged, ([bytes, parse]) => {
        try {
          parse(decode(bytes, 'message'));
        } catch (error) {
          expect(error).toBeInstanceOf(NodeError);
          expect((error as NodeError).code).toBe('malformed');
        }
      }),
      { seed, numRuns: 5_000 },
    );
  });

  it.each([
    ['a path for an id', ['snapshot-read', 1, `../../${'0'.repeat(58)}`, 0, 1]],
    ['a short id', ['snapshot-read', 1, 'ab', 0, 1]],
    ['an id in capitals', ['snapshot-read', 1, 'AB'.repeat(32), 0, 1]],
    ['nothing to read', ['snapshot-read', 1, id, 0, 0]],
    ['more than a block to read', ['snapshot-read', 1, id, 0, 512 * 1024 + 1]],
    ['an offset below 0', ['snapshot-read', 1, id, -1, 1]],
    ['no list', 'snapshot-read'],
  ])('a read with %s is malformed', (_, payload) => {
    expect(() => parseRead(payload)).toThrow(NodeError);
  });

  it.each([
    ['prepared without a description', ['snapshot-prepared', 1, 'prepared', null, 0]],
    ['preparing with one', ['snapshot-prepared', 1, 'preparing', [id, 1, 1, 1], 0]],
    ['more blocks than bytes', ['snapshot-prepared', 1, 'prepared', [id, 1, 1, 2], 0]],
    ['a content beyond all bounds', ['snapshot-prepared', 1, 'prepared', [id, 1, 2 ** 52, 1], 0]],
  ])('an answer that says %s is malformed', (_, payload) => {
    expect(() => parsePrepared(payload)).toThrow(NodeError);
  });

  it('an offer names a bounded number of sources', () => {
    const sources = Array.from({ length: 1_001 }, (_, at) => at);
    expect(() => parseOffer(['snapshot-offer', 1, 1, 1, 1, sources])).toThrow(NodeError);
  });
});
