import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, type Message } from '../../../transport/websocket/wire.js';
import { SessionError } from '../../../transport/webtransport/index.js';
import { fuzz } from '../seed.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** The bytes of version 1: a change of them is another version. */
const GOLDEN: readonly (readonly [Message, string])[] = [
  [{ kind: 'hello', streams: 32, windowBytes: 262_144 }, '01 01 00000020 00040000'],
  [{ kind: 'data', id: 4, isFinal: false, bytes: bytes('6869') }, '02 00000004 00 6869'],
  [{ kind: 'data', id: 3, isFinal: true, bytes: bytes('') }, '02 00000003 01'],
  [{ kind: 'reset', id: 1, code: 0xffff_ffff }, '03 00000001 ffffffff'],
  [{ kind: 'stop', id: 0, code: 7 }, '04 00000000 00000007'],
  [{ kind: 'credit', id: 8, bytes: 65_536 }, '05 00000008 00010000'],
  [{ kind: 'places', isUnidirectional: true, count: 2 }, '06 01 00000002'],
  [{ kind: 'datagram', bytes: bytes('00ff') }, '07 00ff'],
  [{ kind: 'close', info: { closeCode: 9, reason: 'bye' } }, '08 00000009 627965'],
  [{ kind: 'drain' }, '09'],
];

describe('messages of sessions over WebSocket', () => {
  it.each(GOLDEN)('%j', (message, text) => {
    expect(hex(encodeMessage(message))).toBe(text.replaceAll(' ', ''));
    expect(decodeMessage(bytes(text))).toEqual(message);
  });

  it.each([
    ['nothing', ''],
    ['an unknown type', '0a'],
    ['a hello of another version', '01 02 00000020 00040000'],
    ['a hello that is too short', '01 01 00000020'],
    ['data without its head', '02 00000004'],
    ['data with a flag that is none', '02 00000004 02'],
    ['a reset that is too long', '03 00000001 ffffffff 00'],
    ['a datagram that is too long', `07 ${'00'.repeat(1_201)}`],
    ['a close with too long a reason', `08 00000000 ${'61'.repeat(1_025)}`],
    ['data of more than a piece', `02 00000004 00 ${'00'.repeat(65_537)}`],
  ])('%s is refused', (_what, text) => {
    expect(() => decodeMessage(bytes(text))).toThrow(SessionError);
  });

  it('any bytes are a message, with one form, or a SessionError', () => {
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.nat(10), fc.uint8Array({ maxLength: 12 }))
        .map(([type, rest]) => Uint8Array.of(type, ...rest)),
    );
    void fuzz(
      fc.property(any, (message) => {
        try {
          const read = decodeMessage(message);
          // Only the text of a close may have more than one form.
          if (read.kind !== 'close') expect(hex(encodeMessage(read))).toBe(hex(message));
        } catch (error) {
          if (!(error instanceof SessionError)) throw error;
          expect(error.code).toBe('protocol');
        }
      }),
      5_000,
    );
  });
});
