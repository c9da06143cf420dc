import { describe, expect, it } from 'vitest';
import {
  type Message,
  MESSAGE_TYPES,
  RaftError,
  createMessage,
  decodeConfChange,
  decodeEntry,
  decodeMessage,
  decodeSnapshotMeta,
  encodeConfChange,
  encodeEntry,
  encodeMessage,
  encodeSnapshotMeta,
} from '../../../consensus/raft/index.js';
import { Random } from './random.js';
import { entry } from './single.js';

const confState = {
  voters: [1, 2],
  votersOutgoing: [3],
  learners: [4],
  learnersNext: [3],
  autoLeave: true,
};

const SAMPLES: Message[] = [
  createMessage({ type: 'heartbeat', to: 2, from: 1, term: 3, commit: 4, context: 'é7' }),
  createMessage({
    type: 'appendRequest',
    to: 2,
    from: 2 ** 53 - 1,
    term: 3,
    index: 5,
    logTerm: 2,
    commit: 4,
    entries: [entry(3, 6, 'hello'), { ...entry(3, 7), type: 'confChange' }],
  }),
  createMessage({ type: 'appendResponse', to: 1, from: 2, term: 3, reject: true, rejectHint: 9 }),
  createMessage({ type: 'snapshot', to: 1, from: 2, snapshot: { index: 7, term: 2, confState } }),
];

/** Bytes of version 1. A change here breaks nodes of released versions. */
const GOLDEN: [string, () => Uint8Array, string][] = [
  [
    'message with entries',
    () => encodeMessage(SAMPLES[1]!),
    '0100000200000000000000ffffffffffff1f0003000000000000000200000000000000' +
      '050000000000000004000000000000000000000000000000000002000000' +
      '03000000000000000600000000000000000500000068656c6c6f' +
      '030000000000000007000000000000000100000000',
  ],
  ['entry', () => encodeEntry(entry(1, 2, 'a')), '0101000000000000000200000000000000000100000061'],
  [
    'snapshot name',
    () => encodeSnapshotMeta({ index: 7, term: 2, confState }),
    '010700000000000000020000000000000001' +
      '020001000000000000000200000000000000' +
      '01000300000000000000' +
      '01000400000000000000' +
      '01000300000000000000',
  ],
  [
    'membership change',
    () =>
      encodeConfChange({
        transition: 'jointExplicit',
        changes: [{ type: 'remove', node: 258 }],
        context: new Uint8Array([9]),
      }),
    '010201000100000002020100000000000009',
  ],
];

describe('the bytes of version 1', () => {
  for (const [name, encode, hex] of GOLDEN) {
    it(`stay as they are: ${name}`, () => {
      expect(Buffer.from(encode()).toString('hex')).toBe(hex);
    });
  }

  it('number the kinds of messages in this order', () => {
    expect(MESSAGE_TYPES.indexOf('appendRequest')).toBe(0);
    expect(MESSAGE_TYPES.indexOf('proposeRequest')).toBe(13);
    expect(MESSAGE_TYPES.indexOf('repairRequest')).toBe(14);
    expect(MESSAGE_TYPES.indexOf('repairResponse')).toBe(15);
    expect(MESSAGE_TYPES.indexOf('logEndRequest')).toBe(16);
    expect(MESSAGE_TYPES.indexOf('logEndResponse')).toBe(MESSAGE_TYPES.length - 1);
    expect(MESSAGE_TYPES).toHaveLength(18);
  });
});

function data(message: Message): string[] {
  return message.entries.map((each) => Buffer.from(each.data).toString());
}

describe('encoding', () => {
  it('refuses a lost entry, alone and in a message', () => {
    const lost = { ...entry(1, 2), type: 'lost' as const };
    expect(() => encodeEntry(lost)).toThrow('a lost entry is never encoded');
    const message = createMessage({ type: 'appendRequest', to: 2, from: 1, entries: [lost] });
    expect(() => encodeMessage(message)).toThrow('a lost entry is never encoded');
  });
});

describe('decoding', () => {
  it('gives back what was encoded', () => {
    for (const message of SAMPLES) {
      const decoded = decodeMessage(encodeMessage(message));
      expect({ ...decoded, entries: data(decoded) }).toEqual({
        ...message,
        entries: data(message),
      });
    }
  });

  it('copies data, so that a reused buffer does no harm', () => {
    const bytes = Buffer.from(encodeEntry(entry(1, 2, 'abc')));
    const decoded = decodeEntry(bytes);
    bytes.fill(0);
    expect(Buffer.from(decoded.data).toString()).toBe('abc');
    expect(decoded.data.buffer.byteLength).toBe(3);
  });

  it('refuses every truncation and everything appended', () => {
    for (const message of SAMPLES) {
      const bytes = encodeMessage(message);
      for (let length = 0; length < bytes.length; length += 1) {
        expect(() => decodeMessage(bytes.subarray(0, length))).toThrow(RaftError);
      }
      expect(() => decodeMessage(new Uint8Array([...bytes, 0]))).toThrow(/left over/);
    }
  });

  it('survives changed bytes: a message or a RaftError', () => {
    const seed = Number(process.env['SEED'] ?? 7);
    const random = new Random(seed);
    const decoders = [decodeMessage, decodeEntry, decodeSnapshotMeta, decodeConfChange];
    for (let run = 0; run < 3000; run += 1) {
      const bytes = encodeMessage(random.pick(SAMPLES)).slice();
      for (let i = 0; i <= random.below(3); i += 1) {
        bytes[random.below(bytes.length)] = random.below(256);
      }
      for (const decode of decoders) {
        try {
          decode(bytes);
        } catch (error) {
          expect(error, `SEED=${seed}, run ${run}`).toBeInstanceOf(RaftError);
        }
      }
    }
  });

  it('does not believe a count', () => {
    const bytes = encodeMessage(SAMPLES[0]!);
    new DataView(bytes.buffer).setUint32(bytes.length - 4, 0xffffffff, true);
    expect(() => decodeMessage(bytes)).toThrow(/too many/);
  });
});
