import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyPacket } from '../../../transport/quic/quiche/packet.js';
import { fuzz } from '../seed.js';

/**
 * A long header: first byte, version, destination and source connection id, then padding to
 * `length`.
 */
function longHeader(
  first: number,
  version: number,
  ids: readonly [destination: Buffer, source: Buffer],
  length: number,
): Buffer {
  const [destination, source] = ids;
  const head = Buffer.alloc(5);
  head[0] = first;
  head.writeUInt32BE(version, 1);
  const packet = Buffer.concat([
    head,
    Buffer.of(destination.length),
    destination,
    Buffer.of(source.length),
    source,
  ]);
  return Buffer.concat([packet, Buffer.alloc(Math.max(length - packet.length, 0))]);
}

const eight = Buffer.from('0102030405060708', 'hex');
const sixteen = Buffer.alloc(16, 0xab);

describe('a datagram', () => {
  it('that is a full Initial may start a connection', () => {
    const packet = longHeader(0xc0, 1, [eight, sixteen], 1_200);
    expect(classifyPacket(packet)).toEqual({
      kind: 'initial',
      connectionId: eight.toString('latin1'),
    });
  });

  it.each([
    ['shorter than 1,200 bytes', longHeader(0xc0, 1, [eight, sixteen], 1_199)],
    ['of the Handshake type', longHeader(0xe0, 1, [eight, sixteen], 1_200)],
    ['with an id that is too short', longHeader(0xc0, 1, [Buffer.alloc(7), sixteen], 1_200)],
    ['with a version negotiation', longHeader(0xc0, 0, [eight, sixteen], 1_200)],
  ])('%s is only for a connection that exists', (_what, packet) => {
    expect(classifyPacket(packet).kind).toBe('known');
  });

  it.each([
    ['empty', Buffer.alloc(0)],
    ['a short header without a whole id', Buffer.alloc(16, 0x40)],
    ['a long header without ids', Buffer.from('c000000001', 'hex')],
    ['an id longer than the datagram', Buffer.from('c0000000011401020304', 'hex')],
    ['a source id longer than the datagram', Buffer.from('c00000000101aa1401', 'hex')],
    ['a destination id of 21 bytes', longHeader(0xc0, 1, [Buffer.alloc(21), sixteen], 1_200)],
    ['a source id of 21 bytes', longHeader(0xc0, 1, [eight, Buffer.alloc(21)], 1_200)],
    ['another version and short', longHeader(0xc0, 0xff00_001d, [eight, sixteen], 1_199)],
  ])('that is %s is ignored', (_what, packet) => {
    expect(classifyPacket(packet).kind).toBe('ignored');
  });

  it('of a short header is for the 16-byte id behind the first byte', () => {
    const packet = Buffer.concat([Buffer.of(0x41), sixteen, Buffer.alloc(30)]);
    expect(classifyPacket(packet)).toEqual({
      kind: 'known',
      connectionId: sixteen.toString('latin1'),
      isShort: true,
    });
  });

  it('of another version is answered with the version that is spoken (RFC 9000 17.2.1)', () => {
    const packet = classifyPacket(longHeader(0xc0, 0x6b33_43cf, [eight, sixteen], 1_200));
    expect(packet.kind).toBe('other-version');
    if (packet.kind !== 'other-version') return;
    const answer = Buffer.from(packet.answer);
    expect((answer[0] ?? 0) & 0x80).toBe(0x80);
    expect(answer.subarray(1).toString('hex')).toBe(
      `0000000010${sixteen.toString('hex')}08${eight.toString('hex')}00000001`,
    );
  });

  it('of any bytes is classified without an exception', () => {
    fuzz(
      fc.property(fc.uint8Array({ maxLength: 1_400 }), (bytes) => {
        classifyPacket(Buffer.from(bytes));
      }),
      1_000,
    );
  });
});
