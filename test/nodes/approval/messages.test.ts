import { describe, expect, it } from 'vitest';

import * as messages from '../../../nodes/approval/messages.js';
import { decodeValue, encodeValue } from '../../../nodes/approval/value.js';
import { NodeError } from '../../../nodes/errors.js';
import { encode } from '../../../nodes/wire/fields.js';
import { valueOf } from './approving.js';

const chain = new Uint8Array(4).fill(7);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Bytes of version 1, which never change. */
const GOLDEN = [
  [
    hex(messages.encodeMessage({ chain, publicKeys: [new Uint8Array([1])], payload: chain })),
    '9401c4040707070791c40101c40407070707',
  ],
  [hex(messages.encodeRequest({ chain, batch: chain })), '9301c40407070707c40407070707'],
  [
    hex(messages.encodeAnswer({ state: 'waiting', reason: 'r', certificate: null })),
    '9401a777616974696e67a172c0',
  ],
  [
    hex(messages.encodeAnswer({ state: 'decided', reason: '', certificate: chain })),
    '9401a764656369646564a0c40407070707',
  ],
  [
    hex(messages.encodeQuestion({ chain, method: 'bft.value', about: 'v' })),
    '9501c40407070707a96266742e76616c7565a17600',
  ],
  [
    hex(messages.encodeQuestion({ chain, method: 'bft.height', about: 3 })),
    '9501c40407070707aa6266742e686569676874a003',
  ],
] as const;

describe('what members say about approvals', () => {
  it.each(GOLDEN)('%s', (found, golden) => {
    expect(found).toBe(golden);
  });

  it('is read as it was written', () => {
    const message = { chain, publicKeys: [chain], payload: chain };
    expect(messages.decodeMessage(messages.encodeMessage(message))).toEqual(message);
    const request = { chain, batch: chain };
    expect(messages.decodeRequest(messages.encodeRequest(request))).toEqual(request);
    const answer = { state: 'refused', reason: 'r'.repeat(2_000), certificate: chain } as const;
    expect(messages.decodeAnswer(messages.encodeAnswer(answer))).toEqual({
      ...answer,
      reason: 'r'.repeat(1_024),
    });
    for (const question of [
      { chain, method: 'bft.value', about: 'name' },
      { chain, method: 'bft.decisions', about: 4 },
    ] as const) {
      expect(messages.decodeQuestion(messages.encodeQuestion(question))).toEqual(question);
    }
  });

  it('is refused when it is something else', () => {
    const readers = [
      messages.decodeMessage,
      messages.decodeRequest,
      messages.decodeAnswer,
      messages.decodeQuestion,
    ];
    const wrong = [
      new Uint8Array(),
      encode('text'),
      encode([2, chain, [], chain]),
      encode([1]),
      encode([1, 'chain', 1, 2, 3]),
    ];
    for (const read of readers) {
      for (const bytes of wrong) expect(() => read(bytes)).toThrow(NodeError);
    }
    const long = encode([1, chain, new Uint8Array(700_000)]);
    expect(() => messages.decodeRequest(long)).toThrow(/too many/);
  });
});

describe('the value that is voted for', () => {
  const value = valueOf(4);

  it('is read as it was written, and only in that form', () => {
    expect(decodeValue(encodeValue(value))).toEqual(value);
    const longer = encode([1, 'startRollout', 's', 0, value.digest, [], 'more']);
    for (const bytes of [longer, encode([1, 'other']), encode([2]), new Uint8Array()]) {
      expect(() => decodeValue(bytes)).toThrow(NodeError);
    }
  });

  it('is refused when the digest is not that of its plan', () => {
    const bytes = encodeValue({ ...value, digest: '0'.repeat(64) });
    expect(() => decodeValue(bytes)).toThrow(/digest must be that of the plan/);
  });

  it('is the same for one plan, and another one for every other', () => {
    expect(hex(encodeValue(valueOf(4)))).toBe(hex(encodeValue(value)));
    const others = [
      valueOf(4, { soakMs: 1 }),
      valueOf(4, { batchSize: 2 }),
      valueOf(5),
      { ...value, after: 1 },
      { ...value, swarmId: 'other' },
    ];
    const all = [value, ...others].map((one) => hex(encodeValue(one)));
    expect(new Set(all).size).toBe(all.length);
  });
});
