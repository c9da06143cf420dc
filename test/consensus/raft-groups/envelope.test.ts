import { describe, expect, it } from 'vitest';
import { type Message, createMessage } from '../../../consensus/raft/index.js';
import {
  ENVELOPE_BYTES_TARGET,
  type GroupMessage,
  GroupsError,
  Outbox,
  decodeEnvelope,
  encodeEnvelopes,
} from '../../../consensus/raft-groups/index.js';
import { Random } from '../raft/random.js';
import { entry } from '../raft/single.js';

const FROM = 1;
const TO = 2;
const seed = Number(process.env['SEED'] ?? 11);
console.log(`SEED=${seed}`);

function item(group: number, fields: Partial<Message> & Pick<Message, 'type'>): GroupMessage {
  return { group, message: createMessage({ term: 7, ...fields, from: FROM, to: TO }) };
}

const BEATS: GroupMessage[] = [
  item(1, { type: 'heartbeat', commit: 300 }),
  item(2 ** 53 - 1, { type: 'heartbeat', commit: 1, context: '12' }),
  item(3, { type: 'heartbeat', commit: 5, index: 5, logTerm: 6, context: 'quiesce-ask 1' }),
  item(3, { type: 'heartbeat', commit: 5, index: 5, logTerm: 6, context: 'quiesce-go 1' }),
  item(4, { type: 'heartbeatResponse' }),
  item(4, { type: 'heartbeatResponse', context: '12' }),
  item(4, { type: 'heartbeatResponse', context: 'quiesce-yes 128' }),
  item(4, { type: 'heartbeatResponse', context: 'quiesce-ask 9' }),
];
const OTHERS: GroupMessage[] = [
  item(5, { type: 'appendRequest', index: 1, entries: [entry(7, 2, 'x')], commit: 1 }),
  item(6, { type: 'readIndexRequest', term: 0, context: 'r' }),
  // Heartbeats that say what a beat has no place for.
  item(7, { type: 'heartbeat', context: '012' }),
  item(7, { type: 'heartbeat', index: 3 }),
  item(7, { type: 'heartbeat', context: 'quiesce-ask 01' }),
  item(7, { type: 'heartbeatResponse', commit: 1 }),
  item(7, { type: 'heartbeatResponse', reject: true }),
];

function encodeOne(messages: readonly GroupMessage[]): Uint8Array {
  const envelopes = encodeEnvelopes(FROM, TO, messages);
  expect(envelopes).toHaveLength(1);
  return envelopes[0]!.bytes;
}

/** Entries come back as plain arrays of bytes, whatever they were. */
function plain(messages: readonly GroupMessage[]): unknown {
  return messages.map(({ group, message }) => {
    const entries = message.entries.map((each) => ({ ...each, data: [...each.data] }));
    return { group, message: { ...message, entries } };
  });
}

describe('the bytes of version 1', () => {
  const golden: [string, GroupMessage[], string][] = [
    ['a heartbeat', [BEATS[0]!], '0101020100 0107ac02 00'],
    ['a heartbeat with a round of reads', [BEATS[1]!], '01010201 02ffffffffffffff0f07010c 00'],
    ['the question', [BEATS[2]!], '01010201 0403070501 0506 00'],
    ['the order', [BEATS[3]!], '01010201 0803070501 0506 00'],
    ['an answer', [BEATS[4]!], '01010201 010407 00'],
    ['a yes', [BEATS[6]!], '01010201 0704078001 00'],
    [
      'a beat and another message',
      [OTHERS[1]!, BEATS[4]!],
      '01010201 010407 01 0642 010b00 0200000000000000 0100000000000000 '.concat(
        '0000000000000000 '.repeat(5),
        '0100 72 00000000',
      ),
    ],
  ];
  it.each(golden)('stay as they are: %s', (_, messages, hex) => {
    expect(Buffer.from(encodeOne(messages)).toString('hex')).toBe(hex.replaceAll(' ', ''));
  });
});

describe('an envelope', () => {
  it('gives back what was put in, beats first', () => {
    const mixed = [...OTHERS, ...BEATS];
    const { from, to, messages } = decodeEnvelope(encodeOne(mixed));
    expect({ from, to }).toEqual({ from: FROM, to: TO });
    expect(plain(messages)).toEqual(plain([...BEATS, ...OTHERS]));
  });

  it('takes less than nine bytes for a heartbeat of a group', () => {
    const heartbeats = Array.from({ length: 1000 }, (_, at) => {
      return item(at + 1, { type: 'heartbeat', commit: 20_000 });
    });
    expect(encodeOne(heartbeats).length).toBeLessThan(9_000);
  });

  it('goes on in a further one where its bounds end, and one large message has one alone', () => {
    const small = (group: number) => item(group, { type: 'appendRequest', entries: [entry(7, 1)] });
    const large = item(9, {
      type: 'appendRequest',
      entries: [{ ...entry(7, 1), data: new Uint8Array(2 * ENVELOPE_BYTES_TARGET) }],
    });
    const envelopes = encodeEnvelopes(FROM, TO, [small(1), small(2), large, small(3)]);
    expect(envelopes.map(({ messages }) => messages.map(({ group }) => group))).toEqual([
      [1, 2],
      [9],
      [3],
    ]);
    for (const { bytes, messages } of envelopes) {
      expect(decodeEnvelope(bytes).messages).toHaveLength(messages.length);
    }
    const beats = Array.from({ length: 150_000 }, () => BEATS[4]!);
    const many = encodeEnvelopes(FROM, TO, beats);
    expect(many.map(({ messages }) => messages.length)).toEqual([65_536, 65_536, 18_928]);
  });

  it('is one a peer and round, and one in order for what must not overtake', () => {
    const outbox = new Outbox(FROM);
    for (const { group, message } of [...BEATS, ...OTHERS]) {
      expect(outbox.post(group, message)).toBe(true);
      expect(outbox.post(group, { ...message, to: 3 })).toBe(true);
    }
    const envelopes = outbox.take();
    expect(envelopes.map(({ to, inOrder }) => [to, inOrder])).toEqual([
      [2, false],
      [2, true],
      [3, false],
      [3, true],
    ]);
    for (const { messages, inOrder } of envelopes) {
      const appends = messages.filter(({ message }) => message.type === 'appendRequest');
      expect(appends).toHaveLength(inOrder ? messages.length : 0);
    }
    expect(outbox.take()).toEqual([]);
    for (const { group, message } of BEATS) outbox.post(group, message);
    expect(outbox.take().map(({ inOrder }) => inOrder)).toEqual([false]);
  });

  it('is not filled without end while nobody takes it', () => {
    const outbox = new Outbox(FROM);
    let posted = 0;
    while (outbox.post(1, BEATS[0]!.message)) posted += 1;
    expect(posted).toBe(262_144);
  });
});

describe('hostile bytes', () => {
  it('are refused: every truncation, and everything appended', () => {
    const bytes = encodeOne([...BEATS, ...OTHERS]);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeEnvelope(bytes.subarray(0, length)), `${length} bytes`).toThrow(
        GroupsError,
      );
    }
    expect(() => decodeEnvelope(new Uint8Array([...bytes, 0]))).toThrow(/left over/);
  });

  const refused: [string, string, RegExp][] = [
    ['another version', '0201020000', /version 2/],
    ['a node that talks to itself', '0101010000', /one node to another/],
    ['no sender', '0100020000', /one node to another/],
    ['a count beyond the bytes', '010102ffffff0f00', /do not fit/],
    ['an integer with a longer form than needed', '0181000200 00', /longer than it must be/],
    ['an integer beyond 2^53-1', '01ffffffffffffff1f020000', /greater than/],
    ['an integer without end', '01ffffffffffffffffff7f020000', /greater than/],
    ['an unknown mark', '01010201 0a030705010506 00', /mark 5/],
    ['a mark without a number', '01010201 03040700 00', /number 0/],
    ['a beat of term 0', '01010201 010400 00', /term 0/],
    ['group 0', '01010201 010007 00', /id 0/],
    ['a message longer than the rest', '0101020001 05ffff03 00', /too early/],
  ];
  it.each(refused)('are refused: %s', (_, hex, why) => {
    expect(() => decodeEnvelope(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toThrow(why);
  });

  it('are refused if a message inside is of other nodes, or ought to be a beat', () => {
    const bytes = encodeOne([OTHERS[1]!]);
    const other = bytes.slice();
    other[1] = 9;
    expect(() => decodeEnvelope(other)).toThrow(/another node/);
    const beat = bytes.slice();
    // The type of the message becomes heartbeat, its term 1 and its context empty of letters.
    beat[8] = 2;
    beat[8 + 2 + 16] = 1;
    beat[beat.length - 5] = 0x31;
    expect(() => decodeEnvelope(beat)).toThrow(/among the other/);
  });

  it('changed at random are an envelope or a GroupsError', () => {
    const random = new Random(seed);
    const original = encodeOne([...BEATS, ...OTHERS]);
    let decoded = 0;
    for (let run = 0; run < 20_000; run += 1) {
      const bytes = original.slice();
      for (let i = 0; i <= random.below(3); i += 1) {
        bytes[random.below(bytes.length)] = random.below(256);
      }
      try {
        const { from, to, messages } = decodeEnvelope(bytes);
        decoded += 1;
        // What is taken has one form: it encodes to the bytes that came.
        const again = encodeEnvelopes(from, to, messages);
        expect(Buffer.from(again[0]!.bytes).equals(Buffer.from(bytes)), `run ${run}`).toBe(true);
      } catch (error) {
        expect(error, `SEED=${seed}, run ${run}`).toBeInstanceOf(GroupsError);
      }
    }
    expect(decoded).toBeGreaterThan(100);
  });
});
