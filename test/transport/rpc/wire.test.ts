import { describe, expect, it } from 'vitest';
import { LENGTH_BYTES } from '../../../transport/rpc/codec.js';
import { MESSAGE_BYTES_MAX } from '../../../transport/rpc/limits.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import {
  decodeAnswer,
  decodeNotification,
  decodeRequest,
  encodeAnswer,
  encodeFailure,
  encodeNotification,
  encodeRequest,
} from '../../../transport/rpc/wire.js';
import { hex, message, thrownBy } from './golden.js';

// Frames of version 1 as released: they never change, since a peer of that release is somewhere.
describe('the bytes of version 1', () => {
  it('of a request', () => {
    const golden = '00000012 94 01 a46563686f cd1388 82 a161 01 a162 a178';
    const request = { method: 'echo', timeoutMs: 5_000, payload: { a: 1, b: 'x' } };
    expect(hex(encodeRequest(request))).toBe(golden.replaceAll(' ', ''));
    expect(decodeRequest(message(golden))).toEqual(request);
  });

  it('of a request without a payload', () => {
    const golden = '00000006 94 01 a16d 01 c0';
    const frame = encodeRequest({ method: 'm', timeoutMs: 0.5, payload: undefined });
    expect(hex(frame)).toBe(golden.replaceAll(' ', ''));
    expect(decodeRequest(message(golden))).toEqual({ method: 'm', timeoutMs: 1, payload: null });
  });

  it('of an answer', () => {
    const golden = '00000015 93 01 00 95 c3 c0 ff cb3ff8000000000000 c403010203';
    const payload = [true, null, -1, 1.5, Uint8Array.of(1, 2, 3)];
    expect(hex(encodeAnswer(payload))).toBe(golden.replaceAll(' ', ''));
    expect(decodeAnswer(message(golden))).toEqual(payload);
  });

  it('of a failure', () => {
    const golden =
      '00000025 93 01 01 94 a772656675736564 a26e6f aa6e6f742d6c6561646572 81 a66c6561646572 a26e32';
    const error = new RpcError('refused', 'no', {
      reason: 'not-leader',
      details: { leader: 'n2' },
    });
    expect(hex(encodeFailure(error))).toBe(golden.replaceAll(' ', ''));
    expect(thrownBy(() => decodeAnswer(message(golden)))).toMatchObject({
      code: 'refused',
      message: 'no',
      reason: 'not-leader',
      details: { leader: 'n2' },
    });
  });

  it('of a failure without reason and details', () => {
    const golden = '00000011 93 01 01 94 a8696e7465726e616c a178 c0 c0';
    expect(hex(encodeFailure(new RpcError('internal', 'x')))).toBe(golden.replaceAll(' ', ''));
    const error = thrownBy(() => decodeAnswer(message(golden)));
    expect([error.code, error.reason, error.details]).toEqual(['internal', undefined, undefined]);
  });

  it('of a notification', () => {
    const golden = '00000009 93 01 a47469636b 91 07';
    const notification = { method: 'tick', payload: [7] };
    expect(hex(encodeNotification(notification))).toBe(golden.replaceAll(' ', ''));
    expect(decodeNotification(message(golden))).toEqual(notification);
  });

  it('of the welcome', () => {
    const golden = '0000000c 93 01 a82477656c636f6d65 c0';
    const frame = encodeNotification({ method: '$welcome', payload: null });
    expect(hex(frame)).toBe(golden.replaceAll(' ', ''));
  });
});

/** A payload as it arrives. */
function roundTrip(payload: unknown): unknown {
  return decodeAnswer(encodeAnswer(payload).subarray(LENGTH_BYTES));
}

describe('a payload', () => {
  it.each([
    ['numbers', [0, -1, 127, 128, 65_535, 65_536, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 1e300, -0.25]],
    ['strings', ['', 'é', '\u{1f600}', 'x'.repeat(70_000)]],
    ['objects', { a: { b: { c: [] } }, 'key with spaces': false, constructor: 1 }],
  ])('of %s arrives as it was sent', (_what, payload) => {
    expect(roundTrip(payload)).toEqual(payload);
  });

  it('of bytes arrives as an own, aligned Uint8Array', () => {
    const bytes = roundTrip({ v: new Uint8Array(new Float32Array([1.5, -2]).buffer) }) as {
      v: Uint8Array<ArrayBuffer>;
    };
    expect(Object.getPrototypeOf(bytes.v)).toBe(Uint8Array.prototype);
    expect([bytes.v.byteOffset, bytes.v.buffer.byteLength]).toEqual([0, 8]);
    expect([...new Float32Array(bytes.v.buffer)]).toEqual([1.5, -2]);
  });

  it('loses members that are undefined, as in JSON', () => {
    expect(roundTrip({ a: undefined, b: [undefined] })).toEqual({ b: [null] });
    expect(Object.keys(roundTrip({ a: undefined }) as object)).toEqual([]);
  });

  it.each([
    ['a date', new Date(0)],
    ['an integer beyond 2^53', 2n ** 60n],
    ['a map with numbers for keys', new Map([[1, 1]])],
    ['__proto__', { ['__proto__']: 1 }],
  ])('that holds %s is not sent', (_what, value) => {
    expect(thrownBy(() => encodeAnswer({ value })).code).toBe('malformed');
  });

  it('that holds itself is not sent', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(thrownBy(() => encodeAnswer(loop)).code).toBe('malformed');
  });

  it('is bounded in size', () => {
    const error = thrownBy(() => encodeAnswer(new Uint8Array(MESSAGE_BYTES_MAX)));
    expect([error.code, error.message]).toEqual([
      'malformed',
      'the message has 16777224 bytes; at most 16777216 can be sent',
    ]);
    expect(encodeAnswer(new Uint8Array(MESSAGE_BYTES_MAX - 8)).length).toBe(MESSAGE_BYTES_MAX + 4);
  });
});

describe('a message from a peer', () => {
  it.each([
    ['of another version', '00000000 94 02 a16d 01 c0', /version 2; only 1 is known/],
    ['that is no array', '00000000 01', /not an array/],
    ['that lacks members', '00000000 93 01 a16d 01', /lacks members/],
    ['that ends early', '00000000 94 01 a16d 01', /ends in the middle/],
    ['without a method', '00000000 94 01 a0 01 c0', /names no method/],
    ['with a number for a method', '00000000 94 01 05 01 c0', /names no method/],
    ['without a timeout', '00000000 94 01 a16d c0 c0', /no timeout/],
    ['with a negative timeout', '00000000 94 01 a16d ff c0', /no timeout/],
    [
      'with a timeout that is not a number',
      '00000000 94 01 a16d cb7ff8000000000000 c0',
      /no timeout/,
    ],
  ])('%s is refused', (_what, text, pattern) => {
    const error = thrownBy(() => decodeRequest(message(text)));
    expect(error.code).toBe('malformed');
    expect(error.message).toMatch(pattern);
  });

  it('of a failure with a code of a later release is an internal error', () => {
    const error = thrownBy(() => decodeAnswer(message('00000000 93 01 01 94 a36e6577 a178 c0 c0')));
    expect([error.code, error.message]).toEqual(['internal', 'x']);
  });

  it('of a failure named like a member of every object is an internal error', () => {
    const name = Buffer.from('toString').toString('hex');
    const text = `00000000 93 01 01 94 a8${name} a178 c0 c0`;
    expect(thrownBy(() => decodeAnswer(message(text))).code).toBe('internal');
  });

  it.each(['93 01 02 c0', '93 01 01 c0', '93 01 c0 c0'])('of %s is no answer', (text) => {
    expect(thrownBy(() => decodeAnswer(message(`00000000${text}`))).code).toBe('malformed');
  });
});
