import { RandomStream } from '../../sim/world/random.js';

/** What a link does to datagrams, one way. */
export interface LinkPolicy {
  /** Share of datagrams that are lost, 0 to 1. */
  readonly lossShare: number;
  readonly delayMs: number;
  /** Up to so much more or less than the delay, evenly. */
  readonly jitterMs: number;
  /** The jitter of a queue keeps the order; that of `tc netem` is drawn for each datagram anew. */
  readonly isJitterOrdered: boolean;
  /** Share of datagrams that come `reorderMs` earlier, and so overtake those before them. */
  readonly reorderShare: number;
  readonly reorderMs: number;
  readonly duplicateShare: number;
  /** 0: as fast as they come. */
  readonly bitsPerSecond: number;
  /** Bytes that wait for a slow link; what comes beyond is lost. */
  readonly queueBytesMax: number;
  /** Longest IP packet that passes, as on a path that drops fragments. */
  readonly mtuBytes: number;
}

/** Nothing but the longest packet. */
export function clean(mtuBytes: number): LinkPolicy {
  return {
    lossShare: 0,
    delayMs: 0,
    jitterMs: 0,
    isJitterOrdered: true,
    reorderShare: 0,
    reorderMs: 0,
    duplicateShare: 0,
    bitsPerSecond: 0,
    queueBytesMax: 0,
    mtuBytes,
  };
}

/**
 * A bad path: 10 Mbit/s, 50 ms each way, a loss of 5 %. The queue holds 100 ms of
 * it, as routers are often set up; what is reordered overtakes some four packets.
 */
export const BAD_PATH: LinkPolicy = {
  lossShare: 0.05,
  delayMs: 50,
  jitterMs: 10,
  isJitterOrdered: true,
  reorderShare: 0.02,
  reorderMs: 5,
  duplicateShare: 0.01,
  bitsPerSecond: 10_000_000,
  queueBytesMax: 125_000,
  mtuBytes: 1_500,
};

/**
 * The same as `tc netem` would do it: each datagram has a jitter of its own, so that most of them
 * are out of order by several places, and one that is reordered skips the delay altogether.
 */
export const WORST_PATH: LinkPolicy = { ...BAD_PATH, isJitterOrdered: false, reorderMs: 50 };

/** Headers of IPv4 and UDP. */
export const HEADER_BYTES = 28;

/** One direction of a link: says when each datagram arrives. Time and randomness come in. */
export class Link {
  policy: LinkPolicy;
  /** While true, everything is lost. */
  isCut = false;
  readonly #random: RandomStream;
  /** When the last bit of what was accepted so far leaves a link with a rate. Milliseconds. */
  #freeAtMs = 0;
  /** When the last of those arrives that keep their order. */
  #lastAtMs = 0;
  lostCount = 0;
  tooLongCount = 0;
  overflowCount = 0;
  passedCount = 0;

  constructor(policy: LinkPolicy, seed: number, name: string) {
    this.policy = policy;
    this.#random = new RandomStream(seed, name);
  }

  /**
   * A datagram with so many bytes of UDP payload enters at `nowMs`. Returns when it arrives, in
   * milliseconds; twice when it is duplicated, never when it is lost.
   */
  enter(nowMs: number, payloadBytes: number): number[] {
    const { policy } = this;
    const bytes = payloadBytes + HEADER_BYTES;
    // Always the same number of draws: a change of one share leaves the rest of a run alone.
    const isLost = this.#random.chance(policy.lossShare);
    const isReordered = this.#random.chance(policy.reorderShare);
    const isDoubled = this.#random.chance(policy.duplicateShare);
    const jitters = [this.#jitter(), this.#jitter()];
    if (bytes > policy.mtuBytes) {
      this.tooLongCount += 1;
      return [];
    }
    let leavesAtMs = nowMs;
    if (policy.bitsPerSecond > 0) {
      const bytesPerMs = policy.bitsPerSecond / 8 / 1_000;
      const waitingBytes = Math.max(0, this.#freeAtMs - nowMs) * bytesPerMs;
      if (waitingBytes + bytes > policy.queueBytesMax) {
        this.overflowCount += 1;
        return [];
      }
      leavesAtMs = Math.max(nowMs, this.#freeAtMs) + bytes / bytesPerMs;
      this.#freeAtMs = leavesAtMs;
    }
    if (isLost || this.isCut) {
      this.lostCount += 1;
      return [];
    }
    this.passedCount += 1;
    const copies = jitters.slice(0, isDoubled ? 2 : 1);
    return copies.map((jitter) => {
      const atMs = leavesAtMs + policy.delayMs + jitter;
      if (isReordered) return Math.max(leavesAtMs, atMs - policy.reorderMs);
      if (policy.isJitterOrdered) this.#lastAtMs = Math.max(this.#lastAtMs, atMs);
      return policy.isJitterOrdered ? this.#lastAtMs : Math.max(leavesAtMs, atMs);
    });
  }

  #jitter(): number {
    return (this.#random.fraction() * 2 - 1) * this.policy.jitterMs;
  }
}
