import fc from 'fast-check';
import { createHash, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { CLIENT_HELLO_DATAGRAMS_MAX, CRYPTO_BYTES_MAX } from '../../../transport/quic/limits.js';
import {
  ClientHelloReader,
  type ClientHello,
} from '../../../transport/quic/quiche/client-hello.js';
import { readCryptoFrames } from '../../../transport/quic/quiche/crypto-frames.js';
import { openInitial, readLongPacket } from '../../../transport/quic/quiche/initial-packet.js';
import { loadNative } from '../../../transport/quic/quiche/native.js';
import {
  decodePacketNumber,
  initialKeys,
} from '../../../transport/quic/quiche/packet-protection.js';
import { readClientHello } from '../../../transport/quic/quiche/tls-client-hello.js';
import { fuzz } from '../seed.js';
import { dial, host, newSession, quicheConfig, sendAll, type EarlyConfig } from './early-quiche.js';
import { CHROMIUM_INITIALS, RFC_9001_CLIENT_INITIAL } from './recorded-initials.js';
import { cryptoFrame, sealInitial, varint } from './seal-initial.js';

const connectionId = Buffer.from('8394c8f03e515708', 'hex');
const rfcInitial = Buffer.from(RFC_9001_CLIENT_INITIAL, 'hex');

/** The ClientHello of RFC 9001 appendix A.2, taken out of its packet. */
function rfcClientHello(): Buffer {
  const packet = readLongPacket(rfcInitial, 0)!;
  const opened = openInitial(rfcInitial, packet, initialKeys(connectionId, 'client'), -1)!;
  return Buffer.from(readCryptoFrames(opened.payload)![0]!.data);
}

function asHello(result: ClientHello | string): ClientHello {
  if (typeof result === 'string') throw new Error(`expected a ClientHello, not '${result}'`);
  return result;
}

/** One Initial packet with these frames, padded to what it takes at least. */
function initial(packetNumber: number, ...frames: readonly Buffer[]): Buffer {
  const payload = Buffer.concat([...frames, Buffer.alloc(20)]);
  return sealInitial({ connectionId, payload, packetNumber });
}

/** An Initial with its own bytes, as the same reader would see it. */
function push(...datagrams: readonly Uint8Array[]): ClientHello | 'incomplete' | 'invalid' {
  const reader = new ClientHelloReader(connectionId);
  let result: ClientHello | 'incomplete' | 'invalid' = 'incomplete';
  for (const datagram of datagrams) result = reader.push(datagram);
  return result;
}

describe('the Initial of RFC 9001 appendix A', () => {
  it('is opened: header, packet number, ClientHello', () => {
    const packet = readLongPacket(rfcInitial, 0)!;
    const opened = openInitial(rfcInitial, packet, initialKeys(connectionId, 'client'), -1)!;
    expect(opened.packetNumber).toBe(2);
    expect(opened.payload).toHaveLength(1_162);
    expect(rfcClientHello().toString('hex')).toMatch(/^010000ed0303ebf8fa56f12939b9584a3896/);
    // The whole CRYPTO frame as the appendix prints it, by its hash.
    expect(createHash('sha256').update(opened.payload).digest('hex')).toBe(
      createHash('sha256')
        .update(Buffer.concat([Buffer.from('060040f1', 'hex'), rfcClientHello()]))
        .update(Buffer.alloc(1_162 - 245))
        .digest('hex'),
    );
  });

  it('says what its client asks for, and stays as it is', () => {
    const before = Buffer.from(rfcInitial);
    const hello = asHello(push(rfcInitial));
    expect(Buffer.from(hello.random).toString('hex')).toBe(
      'ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c',
    );
    expect(hello).toEqual({
      random: hello.random,
      protocols: ['alpn'],
      serverName: 'example.com',
      hasEarlyData: false,
    });
    expect(rfcInitial.equals(before)).toBe(true);
  });

  it.each([
    ['largest 0xa82f30ea (RFC 9000 A.3)', 0xa82f30ea, 0x9b32, 2, 0xa82f9b32],
    ['the first packet', -1, 255, 1, 255],
    ['a number behind the largest', 300, 0xff, 1, 255],
    ['a number beyond the window', 250, 3, 1, 259],
  ])('has a packet number that is made whole: %s', (_what, largest, truncated, length, whole) => {
    expect(decodePacketNumber(largest, truncated, 8 * length)).toBe(whole);
  });
});

describe('the Initials of Chromium', () => {
  const datagrams = CHROMIUM_INITIALS.map((hex) => Buffer.from(hex, 'hex'));
  const id = datagrams[0]!.subarray(6, 6 + datagrams[0]![5]!);

  it('make one ClientHello of two packets with shuffled frames', () => {
    const reader = new ClientHelloReader(id);
    expect(reader.push(datagrams[0]!)).toBe('incomplete');
    const hello = asHello(reader.push(datagrams[1]!));
    expect(hello.protocols).toEqual(['h3']);
    expect(hello.serverName).toBe('node.example');
    expect(hello.hasEarlyData).toBe(false);
    expect(hello.random).toHaveLength(32);
  });

  it('make the same one in the other order, and from those that repeat it', () => {
    const reader = new ClientHelloReader(id);
    reader.push(datagrams[1]!);
    const hello = asHello(reader.push(datagrams[0]!));
    for (const datagram of datagrams) expect(reader.push(datagram)).toEqual(hello);
  });
});

describe('the Initials of quiche', () => {
  let session: Uint8Array;
  let config: EarlyConfig;

  beforeAll(() => {
    config = quicheConfig();
    session = newSession(config);
  });

  function read(datagrams: readonly Buffer[]): ClientHello | 'incomplete' | 'invalid' {
    const first = datagrams[0]!;
    const reader = new ClientHelloReader(first.subarray(6, 6 + first[5]!));
    return datagrams.reduce<ClientHello | 'incomplete' | 'invalid'>(
      (result, datagram) => (typeof result === 'string' ? reader.push(datagram) : result),
      'incomplete',
    );
  }

  it('name the protocols and the server, without early data', () => {
    const hello = asHello(read(sendAll(dial(config))));
    expect(hello).toEqual({
      random: hello.random,
      protocols: ['agentic-flow/1', 'other/2'],
      serverName: 'peer.example',
      hasEarlyData: false,
    });
  });

  it('name the ticket and early data when a session is resumed', () => {
    const client = dial(config);
    client.setSession(session);
    const hello = asHello(read(sendAll(client)));
    expect(hello.hasEarlyData).toBe(true);
    expect(hello.pskIdentity!.length).toBeGreaterThan(100);
    expect(hello.firstTicketKeyName).toEqual(hello.pskIdentity!.slice(0, 16));
    expect(Buffer.from(session).includes(Buffer.from(hello.pskIdentity!))).toBe(true);
  });

  it('are read with early data behind them in the same datagram', () => {
    const client = dial(config);
    client.setSession(session);
    const first = sendAll(client)[0]!;
    const early = Buffer.concat([
      Buffer.from('d000000001', 'hex'),
      Buffer.of(8),
      connectionId,
      Buffer.of(0),
      varint(40),
      randomBytes(40),
    ]);
    const end = readLongPacket(first, 0)!.end;
    expect(asHello(read([Buffer.concat([first.subarray(0, end), early])])).hasEarlyData).toBe(true);
    expect(read([Buffer.concat([early, first.subarray(0, end)])])).toBe('invalid');
  });

  it('are still taken by quiche after they were read', () => {
    const { Connection } = loadNative();
    const client = dial(config);
    const server = Connection.accept(randomBytes(16), undefined, host, host, config);
    const datagrams = sendAll(client);
    asHello(read(datagrams));
    for (const datagram of datagrams) server.recv(datagram, { from: host, to: host });
    for (const datagram of sendAll(server)) client.recv(datagram, { from: host, to: host });
    expect(client.isEstablished()).toBe(true);
  });
});

describe('CRYPTO frames', () => {
  const hello = rfcClientHello();

  it('may come in any order, in pieces that overlap, in any packets', () => {
    const pieces = fc.array(
      fc.tuple(fc.nat(hello.length - 1), fc.integer({ min: 1, max: 200 }), fc.boolean()),
      { maxLength: 30 },
    );
    fuzz(
      fc.property(pieces, fc.integer({ min: 1, max: 4 }), (cuts, packetCount) => {
        const ends = cuts.map(([at, length]) => [at, Math.min(at + length, hello.length)] as const);
        const frames = [...ends, [0, 100] as const, [100, hello.length] as const].map(
          ([start, end], index) =>
            Buffer.concat([
              cryptoFrame(start, hello.subarray(start, end)),
              Buffer.of(...(cuts[index]?.[2] === true ? [0, 1] : [])), // PADDING, PING
            ]),
        );
        const reader = new ClientHelloReader(connectionId);
        let result: ReturnType<ClientHelloReader['push']> = 'incomplete';
        for (let number = 0; number < packetCount; number += 1) {
          const share = frames.filter((_frame, index) => index % packetCount === number);
          result = reader.push(initial(number, ...share));
          expect(result).not.toBe('invalid');
        }
        expect(asHello(result).serverName).toBe('example.com');
      }),
      200,
    );
  });

  it('are read behind ACK, and with a token in the header', () => {
    const ack = Buffer.of(2, 0, 0, 1, 0, 0, 0);
    const ackEcn = Buffer.of(3, 0, 0, 0, 0, 1, 2, 3);
    const payload = Buffer.concat([ack, ackEcn, cryptoFrame(0, hello), Buffer.alloc(10)]);
    const plan = { connectionId, payload, packetNumber: 1, token: randomBytes(77) };
    for (const packetNumberBytes of [1, 2, 3, 4] as const) {
      expect(asHello(push(sealInitial({ ...plan, packetNumberBytes }))).protocols).toEqual([
        'alpn',
      ]);
    }
  });

  it('are read from several Initials in one datagram', () => {
    const first = initial(0, cryptoFrame(0, hello.subarray(0, 50)));
    const second = initial(1, cryptoFrame(50, hello.subarray(50)));
    asHello(push(Buffer.concat([first, second])));
    asHello(push(Buffer.concat([first, second, Buffer.alloc(100)])));
    asHello(push(Buffer.concat([first, first, first]), second));
    expect(push(Buffer.concat([first, first, first, first, second]))).toBe('invalid');
  });

  it('that repeat a packet change nothing', () => {
    const first = initial(0, cryptoFrame(0, hello.subarray(0, 50)));
    asHello(push(first, first, initial(1, cryptoFrame(50, hello.subarray(50)))));
  });
});

/** What quiche would drop or read otherwise, so that a replay could hide behind it. */
describe('a client that wants to be read in two ways', () => {
  const hello = rfcClientHello();
  const other = Buffer.from(hello);
  other[10]! ^= 1;
  const [head, tail] = [hello.subarray(0, 60), hello.subarray(60)];

  it.each<readonly [string, readonly Buffer[]]>([
    ['the same bytes told differently', [initial(0, cryptoFrame(0, head), cryptoFrame(0, other))]],
    [
      'the same in a later datagram',
      [initial(0, cryptoFrame(0, head)), initial(1, cryptoFrame(0, other))],
    ],
    [
      'a packet number with other data',
      [initial(0, cryptoFrame(0, head)), initial(0, cryptoFrame(60, tail))],
    ],
    [
      'a packet number that is too old to be remembered',
      [initial(200, cryptoFrame(0, head)), initial(1, cryptoFrame(60, tail))],
    ],
    [
      'new data behind a repeated packet in one datagram',
      [
        initial(0, cryptoFrame(0, head)),
        Buffer.concat([initial(0, cryptoFrame(0, head)), initial(1, cryptoFrame(60, tail))]),
      ],
    ],
    [
      'a packet for another connection id',
      [
        sealInitial({
          connectionId,
          destination: Buffer.alloc(8, 7),
          payload: cryptoFrame(0, hello),
          packetNumber: 0,
        }),
      ],
    ],
    [
      'an Initial without the fixed bit behind another one',
      [
        Buffer.concat([
          initial(0, cryptoFrame(0, head)),
          sealInitial({
            connectionId,
            payload: cryptoFrame(60, tail),
            packetNumber: 1,
            firstBits: 0x80,
          }),
        ]),
      ],
    ],
    [
      'reserved bits',
      [
        sealInitial({
          connectionId,
          payload: cryptoFrame(0, hello),
          packetNumber: 0,
          firstBits: 0xc4,
        }),
      ],
    ],
  ])('is refused: %s', (_what, datagrams) => {
    expect(push(...datagrams)).toBe('invalid');
  });

  it('stays refused', () => {
    expect(push(Buffer.alloc(1_200), initial(0, cryptoFrame(0, hello)))).toBe('invalid');
  });
});

describe('what cannot become a ClientHello', () => {
  const hello = rfcClientHello();

  it.each<readonly [string, Buffer]>([
    ['another message of TLS', initial(0, cryptoFrame(0, Buffer.of(2, 0, 0, 1)))],
    ['a length beyond the limit', initial(0, cryptoFrame(0, Buffer.of(1, 0, 0x40, 0)))],
    ['data beyond the limit', initial(0, cryptoFrame(CRYPTO_BYTES_MAX, Buffer.of(1)))],
    ['a frame that is cut short', initial(0, Buffer.from('0600bfffffff', 'hex'))],
    ['STREAM in an Initial', initial(0, cryptoFrame(0, hello), Buffer.of(8, 0, 0))],
    ['CONNECTION_CLOSE', initial(0, cryptoFrame(0, hello), Buffer.of(0x1c, 0, 0, 0))],
    ['an ACK with endless ranges', initial(0, Buffer.from('020000bfffffff00', 'hex'))],
    ['no bytes', Buffer.alloc(0)],
    ['a short header', Buffer.alloc(1_200, 0x40)],
    ['a packet of another version', Buffer.from(rfcInitial).fill(2, 4, 5)],
    ['a flipped bit', Buffer.from(rfcInitial).fill(0, 700, 701)],
    ['half a packet', rfcInitial.subarray(0, 600)],
  ])('is invalid: %s', (_what, datagram) => {
    expect(push(datagram)).toBe('invalid');
  });

  it('is given up after a number of datagrams', () => {
    const reader = new ClientHelloReader(connectionId);
    for (let number = 0; number < CLIENT_HELLO_DATAGRAMS_MAX; number += 1) {
      const frame = cryptoFrame(number, hello.subarray(number, number + 1));
      expect(reader.push(initial(number, frame))).toBe('incomplete');
    }
    expect(reader.push(initial(90, cryptoFrame(0, hello)))).toBe('invalid');
  });

  it('never throws, whatever the bytes', () => {
    fuzz(
      fc.property(fc.uint8Array({ maxLength: 1_400 }), (bytes) => {
        new ClientHelloReader(connectionId).push(bytes);
      }),
      500,
    );
    fuzz(
      fc.property(fc.nat(rfcInitial.length - 1), fc.nat(255), (at, byte) => {
        const datagram = Buffer.from(rfcInitial);
        datagram[at] = byte;
        new ClientHelloReader(connectionId).push(datagram);
      }),
      500,
    );
    fuzz(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 300 }), (payload) => {
        push(sealInitial({ connectionId, payload: Buffer.from(payload), packetNumber: 0 }));
      }),
      500,
    );
  });

  it('never throws, wherever a ClientHello is damaged or cut', () => {
    const sound = readClientHello(hello);
    expect(typeof sound).toBe('object');
    for (let end = 0; end < hello.length; end += 1) {
      expect(readClientHello(hello.subarray(0, end))).toBe('incomplete');
    }
    fuzz(
      fc.property(fc.nat(hello.length - 1), fc.nat(255), fc.nat(255), (at, byte, next) => {
        const damaged = Buffer.from(hello);
        damaged[at] = byte;
        damaged[at + 1] = next;
        readClientHello(damaged);
      }),
      3_000,
    );
  });
});
