import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PACKET_BYTES_MIN } from '../../../transport/quic/limits.js';
import { PathMtu, type PathCounters } from '../../../transport/quic/quiche/path-mtu.js';
import { fuzz } from '../seed.js';

const RTT_MS = 20;

/**
 * A path that carries `mtuBytes` and loses `lossPercent` of the rest; a bulk transfer of ten packets
 * every 5 ms goes over it.
 */
class Path {
  nowMs = 0;
  readonly probes: number[] = [];
  readonly #mtu: PathMtu;
  #counters: PathCounters = {
    sentPackets: 0,
    receivedPackets: 0,
    sentBytes: 0,
    lostBytes: 0,
    rttMs: RTT_MS,
  };
  readonly #fates: { readonly atMs: number; readonly lostBytes: number }[] = [];

  constructor(
    mtu: PathMtu,
    public mtuBytes: number,
    readonly isLost: () => boolean = () => false,
  ) {
    this.#mtu = mtu;
  }

  run(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs += 5) {
      this.#hear();
      if (this.#mtu.isWatching) this.#mtu.onCounters(this.#counters, this.nowMs);
      if (this.#mtu.wantsProbe(this.nowMs)) {
        const bytes = this.#mtu.probeBytes;
        this.probes.push(bytes);
        this.#send(bytes);
        this.#mtu.onProbeSent(bytes, this.#counters, this.nowMs);
      }
      for (let count = 0; count < 10; count += 1) this.#send(this.#mtu.packetBytes);
    }
  }

  #send(bytes: number): void {
    const isLost = bytes > this.mtuBytes || this.isLost();
    const { sentPackets, sentBytes } = this.#counters;
    this.#counters = {
      ...this.#counters,
      sentPackets: sentPackets + 1,
      sentBytes: sentBytes + bytes,
    };
    this.#fates.push({ atMs: this.nowMs + RTT_MS, lostBytes: isLost ? bytes : 0 });
  }

  #hear(): void {
    while (this.#fates[0] !== undefined && this.#fates[0].atMs <= this.nowMs) {
      const lostBytes = this.#counters.lostBytes + (this.#fates.shift()?.lostBytes ?? 0);
      const receivedPackets = this.#counters.receivedPackets + 1;
      this.#counters = { ...this.#counters, lostBytes, receivedPackets };
    }
  }
}

describe('path MTU discovery', () => {
  it('uses what the interface carries after one probe, when the path does too', () => {
    const mtu = new PathMtu(1_200, 8_972);
    const path = new Path(mtu, 8_972);
    path.run(1_000);
    expect(mtu.packetBytes).toBe(8_972);
    expect(path.probes).toEqual([8_972]);
  });

  it.each([1_200, 1_252, 1_372, 1_452, 1_472, 4_000, 8_000])(
    'comes within 16 bytes of a path of %i, and is never above it',
    (pathBytes) => {
      const mtu = new PathMtu(1_200, 8_972);
      new Path(mtu, pathBytes).run(20_000);
      expect(mtu.packetBytes).toBeLessThanOrEqual(pathBytes);
      expect(mtu.packetBytes).toBeGreaterThan(pathBytes - 17);
    },
  );

  it('does not probe when there is nothing to find', () => {
    const mtu = new PathMtu(16_383, 16_383);
    const path = new Path(mtu, 16_383);
    path.run(5_000);
    expect(path.probes).toEqual([]);
    expect(mtu.packetBytes).toBe(16_383);
  });

  it('takes three losses of a probe for proof, not one', () => {
    const mtu = new PathMtu(1_200, 1_472);
    const path = new Path(mtu, 1_300);
    path.run(400);
    expect(path.probes.slice(0, 3)).toEqual([1_472, 1_472, 1_472]);
    expect(path.probes[3]).toBeLessThan(1_472);
  });

  it('tries a larger size again after ten minutes', () => {
    const mtu = new PathMtu(1_200, 1_472);
    const path = new Path(mtu, 1_300);
    path.run(20_000);
    const before = path.probes.length;
    path.run(10_000);
    expect(path.probes).toHaveLength(before);
    path.mtuBytes = 1_472;
    path.run(600_000);
    expect(mtu.packetBytes).toBe(1_472);
  });

  it('falls back when the path carries less than it did', () => {
    const mtu = new PathMtu(1_200, 8_972);
    const path = new Path(mtu, 8_972);
    path.run(1_000);
    path.mtuBytes = 1_472;
    path.run(1_000);
    expect(mtu.packetBytes).toBe(PACKET_BYTES_MIN);
  });

  it('is never above what the path carries, whatever is lost besides', () =>
    fuzz(
      fc.property(
        fc.integer({ min: 1_200, max: 9_000 }),
        fc.integer({ min: 0, max: 20 }),
        fc.integer(),
        (pathBytes, lossPercent, seed) => {
          const random = lehmer(seed);
          const mtu = new PathMtu(1_200, 8_972);
          const path = new Path(mtu, pathBytes, () => random() * 100 < lossPercent);
          for (let second = 0; second < 20; second += 1) {
            path.run(1_000);
            expect(mtu.packetBytes).toBeLessThanOrEqual(Math.max(pathBytes, PACKET_BYTES_MIN));
          }
        },
      ),
      30,
    ));
});

/** Random numbers from 0 to 1 (Lehmer, 1951). */
function lehmer(seed: number): () => number {
  let state = (Math.abs(seed) % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
