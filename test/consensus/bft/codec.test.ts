import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BftError,
  type OwnMessage,
  type SignedVote,
  type WireMessage,
  decodeMessages,
  decodeRecord,
  encodeMessages,
  encodeRecord,
  sharedBytes,
  signedBytes,
} from '../../../consensus/bft/index.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
console.log(`bft codec: SEED=${seed}`);

const signature = new Uint8Array(64).fill(0xee);
const sig = 'ee'.repeat(64);
const proposal = { from: 'a', height: 300, round: 2, value: 'v', validRound: -1, signature };
const vote: SignedVote = {
  type: 'prevote',
  from: 'b',
  height: 300,
  round: 2,
  value: null,
  signature,
};
const precommit: SignedVote = { ...vote, type: 'precommit', value: 'v' };
const ownVote: OwnMessage = {
  type: 'vote',
  vote: { type: 'prevote', from: 'a', height: 7, round: 0, value: 'v' },
};
const state = {
  self: 'a',
  height: 7,
  round: 0,
  step: 'prevote',
  lockedRound: -1,
  lockedValue: null,
  validRound: 0,
  validValue: 'v',
} as const;
const record = { version: 1, state, sent: [ownVote] } as const;

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

const share = new Uint8Array(96).fill(0xdd);
const shared = 'dd'.repeat(96);
const aggregated = { proposal, signers: new Uint8Array([5, 1]), aggregate: share };

/** Bytes of versions 1 and 2. A change here breaks validators of released versions. */
const GOLDEN: readonly (readonly [string, Uint8Array, string])[] = [
  ['a proposal', encodeMessages([{ type: 'proposal', proposal }]), `0101010161ac0202017600${sig}`],
  ['a vote', encodeMessages([{ type: 'vote', vote }]), `010102016201ac020200${sig}`],
  [
    'a certificate',
    encodeMessages([{ type: 'certificate', certificate: [precommit] }]),
    `01010301016202ac0202010176${sig}`,
  ],
  [
    'a decision',
    encodeMessages([{ type: 'decision', decision: { proposal, certificate: [precommit] } }]),
    `0101040161ac0202017600${sig}01016202ac0202010176${sig}`,
  ],
  ['a value', encodeMessages([{ type: 'value', bytes: new Uint8Array([1, 2]) }]), '010105020102'],
  [
    'a share',
    encodeMessages([{ type: 'share', vote: { ...precommit, share } }]),
    `020106016202ac0202010176${sig}${shared}`,
  ],
  [
    'an aggregated decision',
    encodeMessages([{ type: 'decision', decision: aggregated }]),
    `0201070161ac0202017600${sig}020501${shared}`,
  ],
  [
    'what a share signs',
    sharedBytes(new Uint8Array(32), precommit),
    `${hex(Buffer.from('agentic-flow bft share 1\n'))}${'00'.repeat(32)}0202ac0202010176`,
  ],
  [
    'what a proposer signs',
    signedBytes(new Uint8Array(32), { type: 'proposal', proposal }),
    `${hex(Buffer.from('agentic-flow bft 1\n'))}${'00'.repeat(32)}01ac0202017600`,
  ],
  [
    'what a voter signs',
    signedBytes(new Uint8Array(32), { type: 'vote', vote }),
    `${hex(Buffer.from('agentic-flow bft 1\n'))}${'00'.repeat(32)}0201ac020200`,
  ],
  [
    'a record',
    encodeRecord(record, new Map([[ownVote, signature]])),
    `010161070103000001010176010201070001017601${sig}`,
  ],
];

describe('bytes of Byzantine consensus', () => {
  it.each(GOLDEN)('%s is what it was', (_, bytes, expected) => {
    expect(hex(bytes)).toBe(expected);
  });

  it('gives a record back', () => {
    const stored = decodeRecord(encodeRecord(record, new Map([[ownVote, signature]])));
    expect(stored.record).toEqual(record);
    expect(stored.signatures.get(stored.record.sent[0]!)).toEqual(signature);
    expect(decodeRecord(encodeRecord(record, new Map())).signatures.size).toBe(0);
  });

  const name = fc.string({ minLength: 1, maxLength: 64, unit: 'grapheme' });
  const count = fc.nat({ max: 2 ** 48 });
  const bytes64 = fc.uint8Array({ minLength: 64, maxLength: 64 });
  const anyProposal = fc.record({
    from: name,
    height: count,
    round: count,
    value: name,
    validRound: fc.oneof(fc.constant(-1), count),
    signature: bytes64,
  });
  const anyVote = fc.record({
    type: fc.constantFrom('prevote' as const, 'precommit' as const),
    from: name,
    height: count,
    round: count,
    value: fc.option(name),
    signature: bytes64,
  });
  const bytes96 = fc.uint8Array({ minLength: 96, maxLength: 96 });
  const anyShare = fc
    .record({ vote: anyVote, value: name, share: bytes96 })
    .map(({ vote: each, value, share }) => ({ ...each, type: 'precommit' as const, value, share }));
  const anyAggregated = fc.record({
    proposal: anyProposal,
    signers: fc.uint8Array({ maxLength: 128 }),
    aggregate: bytes96,
  });
  const anyMessage: fc.Arbitrary<WireMessage> = fc.oneof(
    fc.record({ type: fc.constant('proposal' as const), proposal: anyProposal }),
    fc.record({ type: fc.constant('vote' as const), vote: anyVote }),
    fc.record({ type: fc.constant('certificate' as const), certificate: fc.array(anyVote) }),
    fc.record({
      type: fc.constant('decision' as const),
      decision: fc.record({ proposal: anyProposal, certificate: fc.array(anyVote) }),
    }),
    fc.record({ type: fc.constant('value' as const), bytes: fc.uint8Array() }),
    fc.record({ type: fc.constant('share' as const), vote: anyShare }),
    fc.record({ type: fc.constant('decision' as const), decision: anyAggregated }),
  );

  it('comes back as it was', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 4 }), (messages) => {
        expect(decodeMessages(encodeMessages(messages))).toEqual(messages);
      }),
      { seed },
    );
  });

  it('is read, or refused with the error of the folder, whatever it is', () => {
    let refused = 0;
    const readBoth = (bytes: Uint8Array): void => {
      for (const read of [decodeMessages, decodeRecord]) {
        try {
          read(bytes);
        } catch (error) {
          if (!(error instanceof BftError) || error.code !== 'bad-encoding') throw error;
          refused += 1;
        }
      }
    };
    const damaged = fc.tuple(fc.array(anyMessage, { maxLength: 3 }), fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), damaged, (arbitrary, [messages, at, byte]) => {
        readBoth(arbitrary);
        const bytes = encodeMessages(messages);
        readBoth(bytes.subarray(0, at % bytes.length));
        bytes[at % bytes.length] = byte;
        readBoth(bytes);
      }),
      { seed },
    );
    expect(refused).toBeGreaterThan(0);
  });

  it.each([
    ['a newer version', '0300', /version 3 is not known; this release reads 1 and 2/],
    ['too many messages', '01ffffff07', /16777215 messages are more than/],
    ['a share in version 1', `010106016202ac0202010176${sig}${shared}`, /do not have/],
    ['version 2 without need', '0200', /do not have/],
    ['a share of nil', `020106016202ac020200${sig}${shared}`, /a share of nothing/],
    ['a share of a prevote', `020106016201ac0202010176${sig}${shared}`, /a share of nothing/],
    ['a huge bitmap', `0201070161ac0202017600${sig}8101`, /a bitmap of 129 bytes/],
    ['bytes left over', '010000', /1 bytes are left over/],
    ['a huge value', '010105ffffffff0f', /is too long/],
    ['a huge certificate', '010103ffff7f', /votes are more than 1024/],
  ])('refuses %s', (_, text, sentence) => {
    expect(() => decodeMessages(Buffer.from(text, 'hex'))).toThrow(sentence);
  });
});
