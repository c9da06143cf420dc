import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CapsuleReader, encodeCapsule } from '../../../transport/http3/capsule.js';
import { decodeDatagram, encodeDatagram } from '../../../transport/http3/datagram.js';
import { encodeFrame } from '../../../transport/http3/frame.js';
import { FrameReader } from '../../../transport/http3/frame-reader.js';
import { CAPSULE_BYTES_MAX } from '../../../transport/http3/limits.js';
import { checkTrailers, decodeRequest, decodeResponse } from '../../../transport/http3/message.js';
import type { Field } from '../../../transport/http3/qpack/static-table.js';
import { decodeSettings, encodeSettings } from '../../../transport/http3/settings.js';
import { encodeVarint, readVarint } from '../../../transport/http3/varint.js';
import { fuzz } from '../seed.js';
import { codeOf } from './code-of.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('integers', () => {
  it.each([
    // RFC 9000 A.1
    ['9d7f3e7d', 494_878_333],
    ['7bbd', 15_293],
    ['25', 37],
    ['d3ef7abdb79a3c00', 0x13ef7abdb79a3c00],
  ])('%s is %i', (text, value) => {
    expect(readVarint(bytes(text), 0)).toEqual({ value, end: text.length / 2 });
    if (Number.isSafeInteger(value)) expect(hex(encodeVarint(value))).toBe(text);
  });

  it('come back, and are incomplete in every shorter piece', () => {
    void fuzz(
      fc.property(fc.maxSafeNat(), (value) => {
        const encoded = encodeVarint(value);
        expect(readVarint(encoded, 0)).toEqual({ value, end: encoded.length });
        expect(readVarint(encoded.subarray(0, -1), 0)).toBeUndefined();
      }),
      1_000,
    );
  });
});

/** A frame rule like that of a request: DATA in pieces, HEADERS whole, others skipped. */
const rule = (type: number): number | 'pieces' | 'skip' =>
  type === 0 ? 'pieces' : type === 1 ? 100 : 'skip';

describe('frames', () => {
  it('are cut out whatever pieces they come in, and unknown ones are skipped', () => {
    const payload = fc.uint8Array({ maxLength: 90 });
    const frame = fc.tuple(fc.constantFrom(0, 1, 0x21, 0x1f * 7 + 0x21), payload);
    void fuzz(
      fc.property(fc.array(frame, { maxLength: 10 }), fc.array(fc.nat(40)), (frames, cuts) => {
        const all = Buffer.concat(frames.map(([type, each]) => encodeFrame(type, each)));
        const reader = new FrameReader(rule);
        const headers: string[] = [];
        let data = '';
        let at = 0;
        for (const cut of [...cuts, all.length]) {
          // A copy that is spoilt afterwards, as the engine does with its buffer.
          const piece = Buffer.from(all.subarray(at, at + cut));
          at += cut;
          reader.push(piece);
          for (let event = reader.next(); event !== undefined; event = reader.next()) {
            if (event.kind === 'frame') headers.push(hex(event.payload));
            else if (event.kind === 'data') data += hex(event.bytes);
          }
          reader.keep();
          piece.fill(0xee);
        }
        const of = (wanted: number): string[] =>
          frames.filter(([type]) => type === wanted).map(([, each]) => hex(each));
        expect(headers).toEqual(of(1));
        expect(data).toBe(of(0).join(''));
        expect(reader.isBetweenFrames).toBe(true);
      }),
      1_000,
    );
  });

  it('that are too long are refused by their length alone', () => {
    const reader = new FrameReader(rule);
    reader.push(bytes('01 80 ff ff ff'));
    expect(codeOf(() => reader.next())).toBe('excessive-load');
  });

  it('turn a stream over to a session only when nothing came before', () => {
    const reader = new FrameReader((type) => (type === 0x41 ? 'webtransport' : rule(type)));
    reader.push(bytes('4041 04 6869'));
    expect(reader.next()).toEqual({ kind: 'webtransport', sessionId: 4, rest: bytes('6869') });
    const late = new FrameReader((type) => (type === 0x41 ? 'webtransport' : rule(type)));
    late.push(bytes('2100 4041 04'));
    expect(codeOf(() => late.next())).toBe('frame-error');
  });
});

describe('settings', () => {
  it('have these bytes', () => {
    const settings = new Map([
      [1, 4_096],
      [0x33, 1],
      [0x2b603742, 1],
    ]);
    expect(hex(encodeSettings(settings))).toBe('040a0150003301ab60374201');
    expect(decodeSettings(bytes('015000 3301 ab60374201'))).toEqual(settings);
  });

  it.each([
    ['a setting of HTTP/2', '0201', 'settings-error'],
    ['a setting twice', '0101 0101', 'settings-error'],
    ['a switch that is neither on nor off', '3302', 'settings-error'],
    ['half a setting', '01', 'frame-error'],
  ])('with %s are refused', (_what, text, code) => {
    expect(codeOf(() => decodeSettings(bytes(text)))).toBe(code);
  });
});

describe('capsules', () => {
  it('are cut out whatever pieces they come in, and unknown ones are skipped', () => {
    const capsule = fc.record({
      type: fc.constantFrom(0x2843, 0x78ae, 0x0, 0x1234),
      value: fc.uint8Array({ maxLength: 200 }),
    });
    void fuzz(
      fc.property(fc.array(capsule, { maxLength: 6 }), fc.array(fc.nat(60)), (capsules, cuts) => {
        const known = new Set([0x2843, 0x78ae]);
        const all = Buffer.concat(capsules.map((each) => encodeCapsule(each)));
        const reader = new CapsuleReader(known);
        const seen = [];
        let at = 0;
        for (const cut of [...cuts, all.length]) {
          seen.push(...reader.receive(all.subarray(at, at + cut)));
          at += cut;
        }
        const shown = (each: { type: number; value: Uint8Array }): string =>
          `${each.type} ${hex(each.value)}`;
        expect(seen.map(shown)).toEqual(capsules.filter(({ type }) => known.has(type)).map(shown));
        expect(reader.isBetweenCapsules).toBe(true);
      }),
      1_000,
    );
  });

  it('that are too long are refused', () => {
    const long = encodeCapsule({ type: 0x2843, value: new Uint8Array(CAPSULE_BYTES_MAX + 1) });
    const reader = new CapsuleReader(new Set([0x2843]));
    expect(codeOf(() => reader.receive(long.subarray(0, 6)))).toBe('datagram-error');
  });
});

describe('datagrams', () => {
  it('name a quarter of their stream', () => {
    const datagram = { streamId: 16, payload: Buffer.from('hi') };
    expect(hex(encodeDatagram(datagram))).toBe('046869');
    expect(decodeDatagram(bytes('046869'))).toEqual({ streamId: 16, payload: bytes('6869') });
  });

  it.each(['', '40', 'ffffffffffffffff'])('%j is none', (text) => {
    expect(codeOf(() => decodeDatagram(bytes(text)))).toBe('datagram-error');
  });
});

const REQUEST: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'node.test'],
  [':path', '/'],
];

describe('messages', () => {
  it.each<[string, readonly Field[]]>([
    ['no method', REQUEST.slice(1)],
    ['no path', REQUEST.slice(0, 3)],
    ['no authority', [...REQUEST.slice(0, 2), [':path', '/']]],
    ['a pseudo-header twice', [...REQUEST, [':path', '/']]],
    ['a pseudo-header after fields', [['x', 'y'], ...REQUEST]],
    ['an unknown pseudo-header', [...REQUEST, [':status', '200']]],
    ['upper case in a name', [...REQUEST, ['X-Name', 'y']]],
    ['a space in a name', [...REQUEST, ['x y', 'z']]],
    ['a line end in a value', [...REQUEST, ['x', 'a\r\nb']]],
    ['a zero byte in a value', [...REQUEST, ['x', 'a\0']]],
    ['a space before a value', [...REQUEST, ['x', ' a']]],
    ['a field of a connection', [...REQUEST, ['transfer-encoding', 'chunked']]],
    ['te that is not trailers', [...REQUEST, ['te', 'gzip']]],
    ['a protocol without CONNECT', [...REQUEST, [':protocol', 'webtransport']]],
    ['another host', [...REQUEST, ['host', 'other.test']]],
    [
      'CONNECT with a path',
      [
        [':method', 'CONNECT'],
        [':authority', 'a'],
        [':path', '/'],
      ],
    ],
  ])('a request with %s is malformed', (_what, fields) => {
    expect(codeOf(() => decodeRequest(fields))).toBe('message-error');
  });

  it('of the right form are read', () => {
    expect(decodeRequest([...REQUEST, ['te', 'trailers'], ['x', 'a\tb']])).toEqual({
      method: 'GET',
      scheme: 'https',
      authority: 'node.test',
      path: '/',
      protocol: undefined,
      fields: [
        ['te', 'trailers'],
        ['x', 'a\tb'],
      ],
    });
    expect(decodeResponse([[':status', '204']])).toEqual({ status: 204, fields: [] });
  });

  it.each(['99', '600', '20', '2000', 'abc', ''])('status %j is malformed', (status) => {
    expect(codeOf(() => decodeResponse([[':status', status]]))).toBe('message-error');
  });

  it('trailers have no pseudo-headers', () => {
    expect(codeOf(() => checkTrailers([[':status', '200']]))).toBe('message-error');
    checkTrailers([['x', 'y']]);
  });
});

describe('any bytes', () => {
  it('are a value or an error of HTTP/3 to every decoder', () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 });
    void fuzz(
      fc.property(parts, (pieces) => {
        const frames = new FrameReader(rule);
        const capsules = new CapsuleReader(new Set([0x2843]));
        for (const run of [
          () => {
            for (const piece of pieces) {
              frames.push(piece);
              while (frames.next() !== undefined);
              frames.keep();
            }
          },
          () => pieces.forEach((piece) => capsules.receive(piece)),
          () => pieces.forEach((piece) => decodeSettings(piece)),
          () => pieces.forEach((piece) => decodeDatagram(piece)),
        ]) {
          expect([
            undefined,
            'excessive-load',
            'frame-error',
            'settings-error',
            'datagram-error',
          ]).toContain(codeOf(run));
        }
      }),
      3_000,
    );
  });
});
