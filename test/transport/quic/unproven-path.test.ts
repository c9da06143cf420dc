import { describe, expect, it } from 'vitest';
import type { NativeConnection } from '../../../transport/quic/quiche/native.js';
import { UnprovenPath } from '../../../transport/quic/quiche/unproven-path.js';

const LOCAL = { host: '10.0.0.9', port: 9 };
const PEER = { host: '10.0.0.1', port: 1 };

/** A path on which so much has come, and that counts challenges that are asked for. */
class PathOf {
  sentBytes = 0;
  sent = 0;
  challenges = 0;
  #nowMs = 0;
  readonly unproven: UnprovenPath;

  constructor(readonly recvBytes: number) {
    const other = { localHost: LOCAL, peerHost: { ...PEER, port: 2 }, active: false };
    const native = {
      pathStats: () => [
        { ...other, sent: 0, sentBytes: 0, recvBytes: 1_000_000 },
        { ...this, localHost: LOCAL, peerHost: PEER, active: true },
      ],
      probePath: () => (this.challenges += 1),
    };
    this.unproven = new UnprovenPath(native as unknown as NativeConnection, LOCAL, PEER);
  }

  /** Sends what may be sent; quiche fills each packet with padding. */
  send(pauseMs = 250): number {
    this.#nowMs += pauseMs;
    const bytes = this.unproven.nextPacketBytes(this.#nowMs);
    this.sentBytes += bytes;
    if (bytes > 0) this.sent += 1;
    return bytes;
  }
}

describe('a path to an address that has not answered', () => {
  it.each([
    [38, 1],
    [104, 3],
    [1_200, 9],
  ])('on which %i bytes came has room for several challenges', (recvBytes, count) => {
    const path = new PathOf(recvBytes);
    const sizes = Array.from({ length: 40 }, () => path.send()).filter((bytes) => bytes > 0);
    expect(sizes).toHaveLength(count);
    expect(path.challenges).toBe(count);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(64);
    expect(path.sentBytes).toBeLessThanOrEqual(3 * recvBytes);
    expect(path.unproven.mayProbe).toBe(3 * recvBytes - path.sentBytes >= 64);
  });

  it('gets no packet when not even a challenge would fit', () => {
    const path = new PathOf(21);
    expect([path.send(), path.challenges]).toEqual([0, 0]);
    expect(path.unproven.mayProbe).toBe(false);
  });

  it('gets no more challenges than a peer takes', () => {
    const path = new PathOf(100_000);
    for (let ms = 0; ms < 1_000; ms += 10) path.send(10);
    expect(path.challenges).toBeLessThanOrEqual(10);
  });

  it('is filled up when it has answered, to see whether full packets pass', () => {
    const path = new PathOf(104);
    expect(path.send()).toBe(104);
    path.unproven.isAnswered = true;
    expect([path.send(1), path.send(1)]).toEqual([1_200, 1_200]);
    expect(path.challenges).toBe(1);
  });
});
