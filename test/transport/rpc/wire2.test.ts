import { describe, expect, it } from 'vitest';
import { decodeHello, encodeHello, readHello } from '../../../transport/rpc/hello.js';
import {
  HEAD_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  METADATA_BYTES_MAX,
  METADATA_ENTRIES_MAX,
} from '../../../transport/rpc/limits.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import {
  decodeFrame,
  encodeCall,
  encodeEnd,
  encodeFailureTrailer,
  encodeHead,
  encodeMessage,
  encodeNotification2,
  encodeTrailer,
  type HeadContent,
} from '../../../transport/rpc/wire2.js';
import { hex, message, thrownBy } from './golden.js';

const read = (golden: string): unknown => decodeFrame(message(golden));

const HEAD: HeadContent = { kind: 'unary', method: 'echo', timeoutMs: 5_000 };
const PLAIN = { metadata: {}, idempotencyKey: undefined, isIdempotent: false, urgency: undefined };

// Frames of version 2 as released: they never change, since a peer of that release is somewhere.
describe('the bytes of version 2', () => {
  it('of a head with its message', () => {
    const golden = '00000015 97 02 00 00 a46563686f cd1388 c0 82 a161 01 a162 a178';
    const [frame, second] = encodeCall(HEAD, { a: 1, b: 'x' }, MESSAGE_BYTES_MAX);
    expect(second).toBeUndefined();
    expect(hex(frame)).toBe(golden.replaceAll(' ', ''));
    expect(read(golden)).toEqual({
      ...PLAIN,
      ...HEAD,
      type: 'head',
      hasPayload: true,
      payload: { a: 1, b: 'x' },
    });
  });

  it.each([
    ['unary', '00'],
    ['server-stream', '01'],
    ['client-stream', '02'],
    ['duplex', '03'],
  ] as const)('of a head of the kind %s without a message', (kind, number) => {
    const golden = `00000008 96 02 00 ${number} a16d 01 c0`;
    expect(hex(encodeHead({ kind, method: 'm', timeoutMs: 0.5 }))).toBe(golden.replaceAll(' ', ''));
    expect(read(golden)).toEqual({
      ...PLAIN,
      type: 'head',
      kind,
      method: 'm',
      timeoutMs: 1,
      hasPayload: false,
      payload: undefined,
    });
  });

  it('of a head with all options', () => {
    const golden =
      '00000021 96 02 00 03 a16d 07 84 a16d 82 a3612e62 a178 a163 c40109 a16b a26b31 a169 c3 a175 05';
    const head: HeadContent = {
      kind: 'duplex',
      method: 'm',
      timeoutMs: 7,
      metadata: { 'a.b': 'x', c: Uint8Array.of(9) },
      idempotencyKey: 'k1',
      idempotent: true,
      urgency: 5,
    };
    expect(hex(encodeHead(head))).toBe(golden.replaceAll(' ', ''));
    expect(read(golden)).toMatchObject({
      kind: 'duplex',
      metadata: head.metadata,
      idempotencyKey: 'k1',
      isIdempotent: true,
      urgency: 5,
    });
  });

  it('of a message', () => {
    const golden = '00000006 93 02 01 92 01 c3';
    expect(hex(encodeMessage([1, true]))).toBe(golden.replaceAll(' ', ''));
    expect(read(golden)).toEqual({ type: 'message', payload: [1, true] });
  });

  it('of a trailer of success', () => {
    const golden = '00000009 95 02 02 00 c402 0102 c0';
    expect(hex(encodeTrailer(Uint8Array.of(1, 2)))).toBe(golden.replaceAll(' ', ''));
    expect(read(golden)).toEqual({
      type: 'trailer',
      metadata: {},
      error: undefined,
      payload: Uint8Array.of(1, 2),
    });
  });

  it('of a trailer of success with metadata', () => {
    const golden = '0000000c 95 02 02 00 c0 81 a16d 81 a161 a0';
    expect(hex(encodeTrailer(null, { a: '' }))).toBe(golden.replaceAll(' ', ''));
    expect(read(golden)).toMatchObject({ metadata: { a: '' }, payload: null });
  });

  it('of a trailer of failure', () => {
    const golden =
      '00000027 95 02 02 01 94 a772656675736564 a26e6f aa6e6f742d6c6561646572 81 a66c6561646572 a26e32 c0';
    const error = new RpcError('refused', 'no', {
      reason: 'not-leader',
      details: { leader: 'n2' },
    });
    expect(hex(encodeFailureTrailer(error))).toBe(golden.replaceAll(' ', ''));
    const frame = read(golden) as { readonly error: RpcError };
    expect(frame.error).toMatchObject({
      code: 'refused',
      message: 'no',
      reason: 'not-leader',
      details: { leader: 'n2' },
    });
  });

  it('of the end of the messages of a caller', () => {
    const golden = '00000003 92 02 03';
    expect(hex(encodeEnd())).toBe(golden.replaceAll(' ', ''));
    expect(read(golden)).toEqual({ type: 'end' });
  });

  it('of a hello', () => {
    const golden =
      '00000036 93 02 04 83 a876657273696f6e73 92 02 01 a86665617475726573 91 a178 a66c696d697473 81 ac6d6573736167654279746573 ce01000000';
    const hello = {
      versions: [2, 1],
      features: ['x'],
      limits: { messageBytes: 16 * 1024 * 1024 },
    };
    expect(hex(encodeHello(hello))).toBe(golden.replaceAll(' ', ''));
    expect(decodeHello(message(golden))).toEqual(hello);
  });

  it('of a notification', () => {
    const golden = '0000000b 95 02 05 a47469636b 91 07 c0';
    const notification = { method: 'tick', payload: [7] };
    expect(hex(encodeNotification2(notification))).toBe(golden.replaceAll(' ', ''));
    expect(read(golden)).toEqual({ type: 'notification', ...notification });
  });
});

describe('what a later minor release adds', () => {
  it.each([
    ['a member of a head', '00000000 98 02 00 00 a16d 01 c0 05 a3616464', 'head'],
    ['an option of a head', '00000000 97 02 00 00 a16d 01 81 a17a 01 05', 'head'],
    ['a member of a message', '00000000 94 02 01 05 c3', 'message'],
    ['a member of a trailer', '00000000 96 02 02 00 05 c0 c3', 'trailer'],
    ['an option of a trailer', '00000000 95 02 02 00 05 81 a17a 01', 'trailer'],
    ['a member of a notification', '00000000 96 02 05 a16d 05 c0 c3', 'notification'],
    ['a notification without options', '00000000 94 02 05 a16d 05', 'notification'],
  ])('%s is ignored', (_what, golden, type) => {
    const frame = read(golden) as { readonly type: string; readonly payload: unknown };
    expect([frame.type, frame.payload]).toEqual([type, 5]);
  });

  it('members of a hello are ignored, the reserved keyExchange too', () => {
    const hello = readHello({
      versions: [3, 2],
      features: ['later'],
      limits: { messageBytes: 100_000, later: 1 },
      keyExchange: { x25519: Uint8Array.of(1), mlkem768: Uint8Array.of(2) },
      later: [],
    });
    expect(hello).toEqual({
      versions: [3, 2],
      features: ['later'],
      limits: { messageBytes: 100_000 },
    });
  });

  it('a code of a failure is an internal error', () => {
    const frame = read('00000000 95 02 02 01 94 a36e6577 a178 c0 c0 c0');
    expect((frame as { error: RpcError }).error).toMatchObject({ code: 'internal', message: 'x' });
  });
});

describe('a frame from a peer', () => {
  it.each([
    ['of version 1', '00000000 94 01 a16d 01 c0', /version 1; only 2 is known/],
    ['of no known type', '00000000 92 02 09', /type 9 has no place/],
    ['of a type that is no number', '00000000 92 02 a131', /has no place/],
    ['of a head of no known kind', '00000000 96 02 00 04 a16d 01 c0', /no known kind/],
    ['of a head of a kind in words', '00000000 96 02 00 a17a a16d 01 c0', /no known kind/],
    ['of a head without a method', '00000000 96 02 00 00 a0 01 c0', /names no method/],
    ['of a head without a timeout', '00000000 96 02 00 00 a16d c0 c0', /no timeout/],
    ['of a head with options in a list', '00000000 96 02 00 00 a16d 01 90', /no map/],
    ['of metadata that is a list', '00000000 96 02 00 00 a16d 01 81 a16d 90', /no map/],
    ['of metadata with numbers', '00000000 96 02 00 00 a16d 01 81 a16d 81 a161 01', /neither/],
    [
      'of metadata with a capital',
      '00000000 96 02 00 00 a16d 01 81 a16d 81 a141 a0',
      /no metadata/,
    ],
    ['of an empty key', '00000000 96 02 00 00 a16d 01 81 a16b a0', /idempotency key/],
    ['of an urgency of 8', '00000000 96 02 00 00 a16d 01 81 a175 08', /urgency/],
    ['of a message without one', '00000000 92 02 01', /lacks members/],
    ['of a trailer of no status', '00000000 95 02 02 02 c0 c0', /neither/],
    ['of a failure without content', '00000000 95 02 02 01 c0 c0', /neither/],
    ['of a hello that is a list', '00000000 93 02 04 90', /no map/],
    ['that ends early', '00000000 93 02 01', /middle/],
    ['with bytes behind it', '00000000 92 02 03 c0', /after the end/],
  ])('%s is refused', (_what, golden, pattern) => {
    const error = thrownBy(() => read(golden));
    expect(error.code).toBe('malformed');
    expect(error.message).toMatch(pattern);
  });

  it.each([
    ['without versions', {}],
    ['with versions in words', { versions: ['2'] }],
    ['that does not name its own version', { versions: [3] }],
    ['with features that are numbers', { versions: [2], features: [1] }],
    ['with 300 features', { versions: [2], features: Array(300).fill('x') }],
    ['with a bound below a head', { versions: [2], limits: { messageBytes: 5 } }],
    ['with a bound in words', { versions: [2], limits: { messageBytes: 'all' } }],
  ])('of a hello %s is refused', (_what, members) => {
    expect(thrownBy(() => readHello(members)).code).toBe('malformed');
  });
});

describe('what is sent', () => {
  const max = MESSAGE_BYTES_MAX;

  it('has a large first message in a frame of its own', () => {
    for (const payload of [new Uint8Array(HEAD_BYTES_MAX + 1), 'x'.repeat(HEAD_BYTES_MAX)]) {
      const [head, second] = encodeCall(HEAD, payload, max);
      expect(head.length).toBeLessThan(100);
      expect(decodeFrame(head.subarray(4))).toMatchObject({ method: 'echo', hasPayload: false });
      expect(decodeFrame(second?.subarray(4) ?? head)).toEqual({ type: 'message', payload });
    }
  });

  it('is not longer than the peer takes', () => {
    const error = thrownBy(() => encodeCall(HEAD, new Uint8Array(200_000), 100_000));
    expect(error).toMatchObject({ code: 'malformed', reason: 'message-too-long' });
    expect(thrownBy(() => encodeTrailer(new Uint8Array(200_000), {}, 100_000)).reason).toBe(
      'message-too-long',
    );
  });

  const entries = (count: number, bytes: number): Record<string, string> =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`k${index}`, 'x'.repeat(bytes)]),
    );
  it.each([
    ['many entries', entries(METADATA_ENTRIES_MAX + 1, 1), 'metadata-too-large'],
    ['many bytes', entries(2, METADATA_BYTES_MAX / 2), 'metadata-too-large'],
    ['a key with a space', { 'a b': '' }, undefined],
    ['an empty key', { '': '' }, undefined],
    ['a number', { a: 1 as unknown as string }, undefined],
  ])('has no metadata with %s', (_what, metadata, reason) => {
    const error = thrownBy(() => encodeHead({ ...HEAD, metadata }));
    expect([error.code, error.reason]).toEqual(['malformed', reason]);
    expect(thrownBy(() => encodeTrailer(null, metadata)).code).toBe('malformed');
  });

  it.each([
    ['an empty key', { idempotencyKey: '' }],
    ['a key of 129 characters', { idempotencyKey: 'x'.repeat(129) }],
    ['an urgency of 8', { urgency: 8 }],
    ['an urgency of 1.5', { urgency: 1.5 }],
  ])('has not %s', (_what, options) => {
    expect(thrownBy(() => encodeHead({ ...HEAD, ...options })).code).toBe('malformed');
  });

  it.each<readonly [what: string, payload: unknown]>([
    ['a Date at .job.when', { job: { when: new Date() } }],
    ['a Map', new Map([[1, 2]])],
    ['a function at [1]', [1, () => 1]],
    ['a symbol', Symbol('a')],
    ['a bigint beyond 2^53', 2n ** 60n],
    ['a promise (await it) at .a', { a: Promise.resolve(1), b: new Date() }],
  ])('names %s, which has no place in a payload', (what, payload) => {
    expect(() => encodeMessage(payload)).toThrow(`the payload cannot be sent: ${what}`);
  });

  it('names a payload that holds itself', () => {
    const list: unknown[] = [];
    list.push({ list });
    expect(() => encodeMessage(list)).toThrow('a reference at [0].list to what holds it');
  });

  it('leaves out details that cannot be sent, and never fails to fail', () => {
    const error = new RpcError('refused', 'no', { details: new Date() });
    const frame = decodeFrame(encodeFailureTrailer(error).subarray(4));
    expect((frame as { error: RpcError }).error).toMatchObject({ code: 'refused', message: '' });
  });
});
