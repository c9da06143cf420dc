import { describe, expect, it } from 'vitest';
import { decodeEnvelope, encodeEnvelope } from '../../../src/topics/envelope.js';
import { MESSAGE_BYTES_MAX } from '../../../src/topics/limits.js';

const ENVELOPE = {
  epoch: 1_700_000_000_123,
  sequence: 7,
  sentMs: 1_700_000_001_000,
  body: { n: 1 },
};
/** Version 1: array of 5; 1; two numbers of 64 bits (float) around 7; the map of the body. */
const GOLDEN = '9501cb4278bcfe5687b00007cb4278bcfe56be800081a16e01';

describe('the envelope of a message', () => {
  it('has these bytes', () => {
    expect(Buffer.from(encodeEnvelope('a', ENVELOPE)).toString('hex')).toBe(GOLDEN);
    expect(decodeEnvelope(Buffer.from(GOLDEN, 'hex'))).toEqual(ENVELOPE);
  });

  it.each([
    ['nothing', ''],
    ['a later version', GOLDEN.replace('9501', '9502')],
    ['members that lack', '9401cb4278bcfe5687b00007c0'],
    ['a sequence of 0', GOLDEN.replace('b00007cb', 'b00000cb')],
    ['a sequence that is a text', GOLDEN.replace('07cb', 'a137cb')],
    ['bytes behind it', `${GOLDEN}00`],
    ['the half of it', GOLDEN.slice(0, 24)],
    ['an extension of MessagePack', '9501cb4278bcfe5687b00007cb4278bcfe56be8000d4720a'],
  ])('is not understood: %s', (_, hex) => {
    expect(decodeEnvelope(Buffer.from(hex, 'hex'))).toBeUndefined();
  });

  it('refuses what is too large or cannot be encoded', () => {
    const body = Buffer.alloc(MESSAGE_BYTES_MAX);
    expect(() => encodeEnvelope('a', { ...ENVELOPE, body })).toThrow(
      `at most ${MESSAGE_BYTES_MAX} can be published`,
    );
    expect(() => encodeEnvelope('a', { ...ENVELOPE, body: () => 1 })).toThrow(
      'the message of topic a cannot be encoded',
    );
  });
});
