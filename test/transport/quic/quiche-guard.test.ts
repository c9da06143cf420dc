import { describe, expect, it } from 'vitest';
import { CreditAccount, HandshakeAccount } from '../../../transport/quic/quiche/budget.js';
import { FrameRules, type RulesContext } from '../../../transport/quic/quiche/frame-rules.js';
import { readFrames } from '../../../transport/quic/quiche/frames.js';
import {
  CONNECTION_ID_FRAMES_MAX,
  CREDIT_BYTES,
  CRYPTO_BYTES_MAX,
  HANDSHAKE_BYTES_MAX,
  HANDSHAKE_PACKETS_MAX,
  IDLE_BYTES_MAX,
  PATH_CHALLENGES_MAX,
  STREAM_GAPS_MAX,
} from '../../../transport/quic/quiche/guard-limits.js';
import { ALL_GUARDS, ConnectionGuard } from '../../../transport/quic/quiche/guard.js';
import * as frames from './forge/frames.js';

const noId = new Uint8Array(0);
/** A connection whose handshake is not over. */
const halfOpen = {
  isEstablished: () => false,
  stats: () => ({ sent: 0, recv: 0 }),
  destinationId: () => noId,
  sourceId: () => noId,
  setKeylog: () => undefined,
};

/** Without keys there is nothing to look into. */
const counting = { ...ALL_GUARDS, inspection: false, paths: false };

const CONTEXT: RulesContext = { isServer: true, hasSent: (number) => number < 100 };

function judge(rules: FrameRules, parts: readonly Buffer[], now = 0): number | undefined {
  const read = readFrames(Buffer.concat(parts));
  if (read === undefined) throw new Error('the frames cannot be read');
  return rules.judge(read, 1_200, true, now)?.code;
}

const many = (count: number, make: (index: number) => Buffer): Buffer[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe('frames are read as they were built', () => {
  it.each([
    [
      'ack',
      frames.ack([
        [5, 9],
        [1, 2],
      ]),
      {
        largest: 9,
        ranges: [
          [5, 9],
          [1, 2],
        ],
      },
    ],
    ['crypto', frames.crypto(70_000, Buffer.from('abc')), { offset: 70_000, length: 3 }],
    ['stream', frames.stream(4, 16_384, Buffer.from('ab')), { id: 4, offset: 16_384, length: 2 }],
    ['new-connection-id', frames.newConnectionId(7, 3), { sequence: 7, retirePriorTo: 3 }],
    ['retire-connection-id', frames.retireConnectionId(9), { sequence: 9 }],
    ['path-challenge', frames.pathChallenge(), {}],
    ['path-response', frames.pathResponse(Buffer.alloc(8)), {}],
    ['datagram', frames.datagram(Buffer.from('abcd')), { length: 4 }],
    ['close', frames.close(12, true), { code: 12, isApplication: true }],
    ['padding', frames.padding(5), { bytes: 5 }],
  ])('%s', (kind, bytes, fields) => {
    expect(readFrames(bytes)).toMatchObject([{ kind, ...fields }]);
    // Cut short it is no frame, or another.
    if (kind !== 'padding') expect(readFrames(bytes.subarray(0, -1))).toBeUndefined();
  });

  it('an acknowledgement of negative packet numbers is none', () => {
    expect(readFrames(Buffer.of(0x02, 3, 0, 0, 9))).toBeUndefined();
  });
});

describe('the rules', () => {
  it.each([
    [
      'data, acknowledgements and answers',
      [frames.stream(0, 0, Buffer.of(1)), frames.ack([[0, 99]])],
    ],
    ['a new connection id', [frames.newConnectionId(1, 0), frames.newConnectionId(2, 1)]],
    ['path challenges', many(PATH_CHALLENGES_MAX, () => frames.pathChallenge())],
  ])('allow %s', (_, parts) => {
    expect(judge(new FrameRules(CONTEXT, 0), parts)).toBeUndefined();
  });

  it.each([
    ['an acknowledgement of what was not sent', [frames.ack([[0, 100]])], 0x0a],
    ['CRYPTO data of a client', [frames.crypto(0, Buffer.of(4))], 0x0d],
    [
      'an id again that was retired',
      [frames.newConnectionId(5, 5), frames.newConnectionId(0, 0)],
      0x0a,
    ],
    ['more path challenges', many(PATH_CHALLENGES_MAX + 1, () => frames.pathChallenge()), 0x0a],
    [
      'more new ids',
      many(CONNECTION_ID_FRAMES_MAX + 1, (index) => frames.newConnectionId(index, 0)),
      0x09,
    ],
    [
      'more gaps in streams',
      many(STREAM_GAPS_MAX + 2, (index) => frames.stream(0, 2 * index, Buffer.of(1))),
      0x0a,
    ],
  ])('refuse %s', (_, parts, code) => {
    expect(judge(new FrameRules(CONTEXT, 0), parts)).toBe(code);
  });

  it('allow a server its session tickets', () => {
    const rules = new FrameRules({ ...CONTEXT, isServer: false }, 0);
    expect(judge(rules, [frames.crypto(0, Buffer.alloc(1_000))])).toBeUndefined();
    expect(judge(rules, [frames.crypto(CRYPTO_BYTES_MAX, Buffer.of(1))])).toBe(0x0d);
  });

  it('catch who acknowledges a packet that was held back, and nobody else', () => {
    const rules = new FrameRules(CONTEXT, 0);
    rules.setTrap(50);
    expect(
      judge(rules, [
        frames.ack([
          [51, 60],
          [0, 49],
        ]),
      ]),
    ).toBeUndefined();
    expect(rules.isTrapSet).toBe(false);
    rules.setTrap(70);
    expect(judge(rules, [frames.ack([[0, 60]])])).toBeUndefined();
    expect(judge(rules, [frames.ack([[0, 75]])])).toBe(0x0a);
  });

  it('bound what delivers nothing, and forgive it with time', () => {
    const rules = new FrameRules(CONTEXT, 0);
    const packets = Math.floor(IDLE_BYTES_MAX / 1_200);
    for (let count = 0; count < packets; count += 1) {
      expect(judge(rules, [frames.ping()])).toBeUndefined();
    }
    expect(judge(rules, [frames.ping()])).toBe(0x0a);
    expect(judge(rules, [frames.ping()], 1_000)).toBeUndefined();
  });
});

describe('accounts', () => {
  it('a peer that delivers what it sends is never in debt', () => {
    const account = new CreditAccount(0);
    for (let count = 0; count < 1_000; count += 1) {
      account.onReceived(16_000);
      account.onDelivered(15_500);
      account.settle(count);
    }
    expect(account.bytes).toBeGreaterThan(0);
  });

  it('one that only sends soon is, and time pays it back', () => {
    const account = new CreditAccount(0);
    for (let sent = 0; sent <= CREDIT_BYTES; sent += 1_000) account.onReceived(1_000);
    account.settle(0);
    expect(account.bytes).toBeLessThan(0);
    account.settle(60_000);
    expect(account.bytes).toBeGreaterThan(0);
  });

  it('a handshake has so many bytes', () => {
    const account = new HandshakeAccount();
    for (let sent = 1_200; sent <= HANDSHAKE_BYTES_MAX; sent += 1_200) {
      expect(account.onReceived(1_200)).toBe(true);
    }
    expect(account.onReceived(1_200)).toBe(false);
  });

  it('what a datagram holds behind packets of the handshake does not count', () => {
    const guard = new ConnectionGuard(halfOpen, true, counting, 0);
    const finished = handshakePacket(200);
    const first = Buffer.concat([finished, Buffer.alloc(16_000, 0x40)]);
    for (let bytes = finished.length; bytes <= HANDSHAKE_BYTES_MAX / 4; bytes += finished.length) {
      expect(guard.judge(first, false, 0)).toBe('pass');
    }
  });

  it('but its packets do, and how many datagrams there were', () => {
    const large = new ConnectionGuard(halfOpen, true, counting, 0);
    const packet = handshakePacket(HANDSHAKE_BYTES_MAX / 2);
    expect(large.judge(packet, false, 0)).toBe('pass');
    expect(large.judge(packet, false, 0)).toMatchObject({ code: 0x0a });
    const many = new ConnectionGuard(halfOpen, true, counting, 0);
    const garbage = Buffer.of(0xe0, 1, 2, 3);
    for (let sent = 0; sent < HANDSHAKE_PACKETS_MAX; sent += 1) {
      expect(many.judge(garbage, false, 0)).toBe('pass');
    }
    expect(many.judge(garbage, false, 0)).toMatchObject({ code: 0x0a });
  });
});

describe('a connection whose peer changes its port during the handshake', () => {
  it('may have further paths, whose packets are all looked into', () => {
    const guard = new ConnectionGuard(halfOpen, true, { ...counting, paths: true }, 0);
    const finished = handshakePacket(200);
    expect(guard.judge(finished, false, 0)).toBe('pass');
    expect(guard.allowsPath()).toBe(false);
    // quiche opens a path for it, under which later packets are not new any more.
    expect(guard.judge(finished, true, 0)).toEqual({ keptBytes: finished.length });
    expect(guard.allowsPath()).toBe(true);
    guard.close();
  });
});

/** A Handshake packet of version 1 (RFC 9000 17.2.4) with so many bytes behind its length. */
function handshakePacket(bytes: number): Buffer {
  const header = Buffer.of(0xe0, 0, 0, 0, 1, 0, 0, 0x80, 0, 0, 0);
  header.writeUInt32BE(0x8000_0000 + bytes, 7);
  return Buffer.concat([header, Buffer.alloc(bytes, 1)]);
}
