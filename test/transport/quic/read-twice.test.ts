import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ClientHelloReader } from '../../../transport/quic/quiche/client-hello.js';
import { readCryptoFrames } from '../../../transport/quic/quiche/crypto-frames.js';
import { openInitial, readLongPacket } from '../../../transport/quic/quiche/initial-packet.js';
import { loadNative, type NativeConnection } from '../../../transport/quic/quiche/native.js';
import { initialKeys } from '../../../transport/quic/quiche/packet-protection.js';
import { fuzz } from '../seed.js';
import { dial, host, quicheConfig, sendAll } from './early-quiche.js';
import { cryptoFrame, sealInitial, varint } from './seal-initial.js';

const directory = mkdtempSync(join(tmpdir(), 'keylog-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const config = quicheConfig();
(config as typeof config & { logKeys(): void }).logKeys();

/** The ClientHello of a client of quiche, and its connection ids. */
const first = sendAll(dial(config))[0]!;
const connectionId = first.subarray(6, 6 + first[5]!);
const sourceAt = 7 + connectionId.length;
const source = first.subarray(sourceAt, sourceAt + first[sourceAt - 1]!);
const opened = openInitial(
  first,
  readLongPacket(first, 0)!,
  initialKeys(connectionId, 'client'),
  -1,
);
const hello = Buffer.from(readCryptoFrames(opened!.payload)![0]!.data);
/** The same ClientHello with another random, as whoever replays it would like to show it. */
const disguised = Buffer.from(hello);
randomBytes(32).copy(disguised, 6);

/** One packet of a datagram: what it carries, and what is odd about it. */
interface PacketPlan {
  readonly kind: 'initial' | 'other-id' | 'no-fixed-bit' | 'early' | 'handshake' | 'short';
  readonly packetNumber: number;
  readonly pieces: readonly {
    readonly isDisguised: boolean;
    readonly start: number;
    readonly end: number;
  }[];
}

/** Cuts in front of, within and behind the random. */
const CUTS = [0, 3, 6, 20, 38, 60, hello.length];
const cut = fc.nat(CUTS.length - 2);
const piece = fc
  .tuple(fc.boolean(), cut, fc.integer({ min: 1, max: CUTS.length }))
  .map(([isDisguised, from, count]) => ({
    isDisguised,
    start: CUTS[from]!,
    end: CUTS[Math.min(from + count, CUTS.length - 1)]!,
  }));
const packet: fc.Arbitrary<PacketPlan> = fc.record({
  kind: fc.oneof(
    { weight: 20, arbitrary: fc.constant('initial' as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom('other-id', 'no-fixed-bit', 'early', 'handshake', 'short'),
    },
  ),
  packetNumber: fc.oneof(
    { weight: 8, arbitrary: fc.nat(6) },
    { weight: 1, arbitrary: fc.constantFrom(70, 140, 200, 330) },
  ),
  pieces: fc.array(piece, { maxLength: 3 }),
});
const datagrams = fc.array(fc.array(packet, { minLength: 1, maxLength: 3 }), {
  minLength: 1,
  maxLength: 5,
});

function longPacket(firstByte: number): Buffer {
  const head = Buffer.concat([Buffer.of(firstByte, 0, 0, 0, 1, 16), connectionId, Buffer.of(0)]);
  return Buffer.concat([head, varint(40), randomBytes(40)]);
}

function build({ kind, packetNumber, pieces }: PacketPlan): Buffer {
  if (kind === 'early') return longPacket(0xd0);
  if (kind === 'handshake') return longPacket(0xe0);
  if (kind === 'short') return Buffer.concat([Buffer.of(0x40), randomBytes(40)]);
  const frames = pieces.map(({ isDisguised, start, end }) =>
    cryptoFrame(start, (isDisguised ? disguised : hello).subarray(start, end)),
  );
  return sealInitial({
    connectionId,
    source,
    packetNumber,
    payload: Buffer.concat([...frames, Buffer.alloc(20)]),
    ...(kind === 'other-id' && { destination: Buffer.alloc(16, 9) }),
    ...(kind === 'no-fixed-bit' && { firstBits: 0x80 }),
  });
}

/** Randoms of the ClientHellos that TLS in quiche has read, from its log of keys. */
function randomsRead(path: string): Set<string> {
  const lines = existsSync(path) ? readFileSync(path, 'latin1').split('\n') : [];
  return new Set(lines.filter((line) => line !== '').map((line) => line.split(' ')[1]!));
}

function give(server: NativeConnection, datagram: Buffer): void {
  try {
    server.recv(Buffer.from(datagram), { from: host, to: host });
  } catch {
    // It says so when it closes the connection for it.
  }
}

describe('a ClientHello that is told in two ways', () => {
  it('is never read otherwise by quiche than before', () => {
    let readCount = 0;
    fuzz(
      fc.property(datagrams, fc.boolean(), (plans, isDisguisedLast) => {
        const reader = new ClientHelloReader(connectionId);
        const pushed: Buffer[] = [];
        let result: ReturnType<ClientHelloReader['push']> = 'incomplete';
        for (const plan of plans) {
          const datagram = Buffer.concat(plan.map(build));
          result = reader.push(datagram);
          if (result === 'invalid') return;
          pushed.push(datagram);
          if (result !== 'incomplete') break;
        }
        if (typeof result === 'string') return;
        const { Connection } = loadNative();
        const server = Connection.accept(randomBytes(16), undefined, host, host, config);
        const path = join(directory, randomBytes(8).toString('hex'));
        (server as typeof server & { setKeylog(path: string): void }).setKeylog(path);
        for (const datagram of pushed) give(server, datagram);
        // Had quiche dropped any of it, it would take it from these.
        const last = isDisguisedLast ? [disguised, hello] : [hello, disguised];
        for (const [index, bytes] of last.entries()) {
          const payload = cryptoFrame(0, bytes);
          give(server, sealInitial({ connectionId, source, packetNumber: 400 + index, payload }));
        }
        const expected = Buffer.from(result.random).toString('hex');
        expect([...randomsRead(path)]).toEqual([expected]);
        readCount += 1;
      }),
      2_000,
    );
    // The plans do reach the comparison: about one in ten does.
    expect(readCount).toBeGreaterThan(20);
    console.log(`${readCount} ClientHellos compared`);
  });
});
