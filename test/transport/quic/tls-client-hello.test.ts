import { describe, expect, it } from 'vitest';
import {
  readClientHello,
  type ClientHello,
} from '../../../transport/quic/quiche/tls-client-hello.js';

function asHello(result: ClientHello | string): ClientHello {
  if (typeof result === 'string') throw new Error(`expected a ClientHello, not '${result}'`);
  return result;
}

/** A ClientHello around these extensions. */
function helloWith(...extensions: readonly (readonly [type: number, content: string])[]): Buffer {
  const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
  const list = extensions.map(([type, hex]) => {
    const content = Buffer.from(hex, 'hex');
    return Buffer.concat([u16(type), u16(content.length), content]);
  });
  const block = Buffer.concat(list);
  const body = Buffer.concat([
    Buffer.of(3, 3),
    Buffer.alloc(32, 0xaa),
    Buffer.of(0, 0, 2, 0x13, 0x01, 1, 0),
    u16(block.length),
    block,
  ]);
  return Buffer.concat([Buffer.of(1, 0), u16(body.length), body]);
}

describe('a ClientHello', () => {
  const psk = `0018${'0012'}${'ab'.repeat(18)}00000000${'0021'}20${'00'.repeat(32)}`;

  it('may have no extension that is read', () => {
    expect(asHello(readClientHello(helloWith([0x2b2b, '00'])))).toEqual({
      random: new Uint8Array(32).fill(0xaa),
      protocols: [],
      hasEarlyData: false,
    });
  });

  it('offers a ticket, with or without early data', () => {
    const hello = asHello(readClientHello(helloWith([42, ''], [41, psk])));
    expect(hello.hasEarlyData).toBe(true);
    expect(hello.pskIdentity).toEqual(new Uint8Array(18).fill(0xab));
    expect(hello.firstTicketKeyName).toEqual(new Uint8Array(16).fill(0xab));
  });

  it('may offer a ticket that is too short to name a key', () => {
    const short = `0007${'0001'}ab00000000${'0021'}20${'00'.repeat(32)}`;
    const hello = asHello(readClientHello(helloWith([41, short])));
    expect(hello.pskIdentity).toEqual(Uint8Array.of(0xab));
    expect(hello.firstTicketKeyName).toBeUndefined();
  });

  it.each<readonly [string, readonly (readonly [number, string])[]]>([
    [
      'an extension twice',
      [
        [16, '0003026833'],
        [16, '0003026833'],
      ],
    ],
    [
      'something behind the ticket',
      [
        [41, psk],
        [42, ''],
      ],
    ],
    ['early data with content', [[42, '00']]],
    ['an empty protocol', [[16, '000100']]],
    ['no protocol', [[16, '0000']]],
    ['a protocol that is cut short', [[16, '0003056833']]],
    ['a server name of another type', [[0, '0004010001aa']]],
    ['two server names', [[0, '000800000161000001620000']]],
    ['more binders than tickets', [[41, psk.replace('002120', '004220') + '20' + '00'.repeat(32)]]],
    ['a ticket without a binder', [[41, psk.slice(0, 52) + '0000']]],
  ])('is invalid with %s', (_what, extensions) => {
    expect(readClientHello(helloWith(...extensions))).toBe('invalid');
  });
});
