import { describe, expect, it } from 'vitest';

import { decodeMessage, encodeMessage, signedPrefix } from '../../../consensus/gossip/codec.js';
import { GossipError } from '../../../consensus/gossip/index.js';
import type { MessageBody } from '../../../consensus/gossip/message.js';
import type { Item } from '../../../consensus/gossip/types.js';
import { Random } from '../raft/random.js';
import { claimOf, recordOf } from './swarm.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
console.log(`gossip codec: SEED=${seed}`);

const metadata = new Uint8Array([1, 2, 3]);
const ITEMS: readonly Item[] = [
  recordOf(2, 300, { metadata }),
  recordOf(3, 2 ** 53 - 1, { hasLeft: true }),
  claimOf({ kind: 'suspect', subject: 2, incarnation: 300, accuser: 3 }),
  claimOf({ kind: 'dead', subject: 3, incarnation: 4, accuser: 200 }),
];

const BODIES: readonly MessageBody[] = [
  { type: 'ping', sequence: 1 },
  { type: 'ack', sequence: 300, target: 2 },
  { type: 'pingRequest', sequence: 2 ** 53 - 1, target: 3 },
  { type: 'nack', sequence: 5, target: 3 },
  { type: 'gossip' },
  {
    type: 'summary',
    isAnswer: true,
    entries: [
      { id: 1, incarnation: 7, status: 'alive' },
      { id: 2, incarnation: 300, status: 'suspect' },
      { id: 3, incarnation: 8, status: 'dead' },
      { id: 4, incarnation: 9, status: 'left' },
    ],
  },
  { type: 'records' },
];

function viaOf({ type }: MessageBody): 'datagram' | 'stream' {
  return type === 'summary' || type === 'records' ? 'stream' : 'datagram';
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

const key = (begin: string): string => begin.padEnd(64, '0');
const signature = (begin: string): string => begin.padEnd(128, '0');

/** Bytes of version 1. A change here breaks nodes of released versions. */
const GOLDEN: readonly (readonly [string, Uint8Array, string])[] = [
  ['a prefix', signedPrefix('test'), '6167656e7469632d666c6f7720676f7373697020310a0474657374'],
  ['a ping', encodeMessage(BODIES[0]!, []), '01010100'],
  ['an ack', encodeMessage(BODIES[1]!, []), '0102ac020200'],
  ['a pingRequest', encodeMessage(BODIES[2]!, []), '0103ffffffffffffff0f0300'],
  ['a nack', encodeMessage(BODIES[3]!, []), '0104050300'],
  ['a gossip', encodeMessage(BODIES[4]!, []), '010500'],
  ['a summary', encodeMessage(BODIES[5]!, []), '0106010401070002ac020103080204090300'],
  ['records', encodeMessage(BODIES[6]!, []), '010700'],
  [
    'a record',
    ITEMS[0]!.bytes,
    `0102ac02000103010203${key('4000000000000000')}${signature('8299e100')}`,
  ],
  [
    'a record of who left',
    ITEMS[1]!.bytes,
    `0103ffffffffffffff0f010100${key('4008000000000000')}${signature('3add7e30')}`,
  ],
  ['a suspicion', ITEMS[2]!.bytes, `0202ac0203${signature('b4ca0341')}`],
  ['a verdict', ITEMS[3]!.bytes, `030304c801${signature('c5fa9ec0')}`],
];

describe('bytes of gossip', () => {
  it.each(GOLDEN)('of %s are those of version 1', (_what, bytes, expected) => {
    expect(hex(bytes)).toBe(expected);
  });

  it.each(BODIES)('of $type are read as they were written', (body) => {
    for (const items of [[], ITEMS]) {
      expect(decodeMessage(encodeMessage(body, items), viaOf(body))).toEqual({ ...body, items });
    }
  });

  it('do not change with the memory that they came in', () => {
    const bytes = encodeMessage({ type: 'gossip' }, ITEMS);
    const read = decodeMessage(bytes, 'datagram');
    bytes.fill(255);
    expect(read.items).toEqual(ITEMS);
  });
});

const ping = encodeMessage({ type: 'ping', sequence: 1 }, []);

describe('hostile bytes', () => {
  it.each<[string, number[], string, ('datagram' | 'stream')?]>([
    ['none', [], 'end too early'],
    ['another version', [2, 1, 1, 0], 'version 2 is not known'],
    ['an unknown type', [1, 8, 0], 'unknown type'],
    ['type 0', [1, 0, 0], 'unknown type'],
    ['a summary in a datagram', [1, 6, 0, 0, 0], 'does not travel by datagram'],
    ['a ping on a stream', [...ping], 'does not travel by stream', 'stream'],
    ['bytes behind the end', [...ping, 0], '1 bytes are left over'],
    ['a number in a longer form', [1, 1, 0x81, 0x00, 0], 'longer than it must be'],
    ['a number beyond 2^53', [1, 1, 255, 255, 255, 255, 255, 255, 255, 255, 1], 'greater than'],
    ['more items than may be', [1, 5, 0xff, 0xff, 0xff, 0x7f], 'items are more than'],
    ['items that are not there', [1, 5, 5], 'end too early'],
    ['an item of unknown kind', [1, 5, 1, 4], 'unknown kind'],
    ['a claim about nobody', [1, 5, 1, 2, 0], 'no member 0'],
    ['metadata that is too long', [1, 5, 1, 1, 2, 5, 0, 1, 0x81, 0x02], 'is too long'],
    ['an unknown flag', [1, 5, 1, 1, 2, 5, 2], 'unknown flag'],
    ['more members than may be', [1, 6, 0, 0xff, 0xff, 0x7f], 'members are more', 'stream'],
    ['an unknown status', [1, 6, 0, 1, 1, 1, 4], 'unknown status', 'stream'],
  ])('are refused: %s', (_what, bytes, message, via = 'datagram') => {
    const read = (): unknown => decodeMessage(new Uint8Array(bytes), via);
    expect(read).toThrow(GossipError);
    expect(read).toThrow(message);
  });

  it('are refused beyond the greatest length, before they are looked at', () => {
    expect(() => decodeMessage(new Uint8Array(16_385), 'datagram')).toThrow('at most 16384');
    expect(() => decodeMessage(new Uint8Array(2 ** 20 + 1), 'stream')).toThrow('at most 1048576');
  });

  it('are a message in the one form in which it is written, or an error', () => {
    const random = new Random(seed);
    let read = 0;
    for (let round = 0; round < 4_000; round += 1) {
      const body = random.pick(BODIES);
      const bytes = encodeMessage(body, random.chance(0.5) ? ITEMS : []);
      for (let times = random.below(3); times >= 0; times -= 1) {
        bytes[random.below(bytes.length)] = random.below(256);
      }
      const cut = random.chance(0.2) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
      try {
        const { items, ...other } = decodeMessage(cut, viaOf(body));
        expect(hex(encodeMessage(other, items))).toBe(hex(cut));
        read += 1;
      } catch (error) {
        if (!(error instanceof GossipError)) throw error;
      }
    }
    expect(read).toBeGreaterThan(100);
  });
});
