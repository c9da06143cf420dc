import { PACKET_BYTES_MIN } from '../limits.js';

/** Probes of one size that may be lost before the size counts as too large (RFC 8899 5.1.2). */
const PROBES_MAX = 3;
/** After a search has ended, a larger size is tried again (RFC 8899 5.1.1, PMTU_RAISE_TIMER). */
const RAISE_MS = 600_000;
/** A search ends when the sizes known to pass and known to fail are so close. */
const CLOSE_ENOUGH_BYTES = 16;
/** Packets that must follow a probe, so that loss recovery has judged it (RFC 9002 6.1.1 wants 3). */
const FOLLOWERS_MIN = 4;
/** A verdict is not sought earlier; acknowledgements are delayed by up to 25 ms (RFC 9000 13.2.1). */
const VERDICT_MS_MIN = 50;
/** A probe whose fate is still open then is forgotten. */
const VERDICT_MS_MAX = 10_000;
/** Large packets lost in a row, with next to nothing getting through, that make a black hole. */
const BLACK_HOLE_PACKETS = 6;

/** Counters of the path since it began, as loss recovery keeps them. */
export interface PathCounters {
  readonly sentPackets: number;
  readonly receivedPackets: number;
  readonly sentBytes: number;
  readonly lostBytes: number;
  readonly rttMs: number;
}

interface Probe {
  readonly bytes: number;
  readonly atMs: number;
  readonly counters: PathCounters;
}

/**
 * Path MTU discovery (RFC 9000 14.3, RFC 8899) for an engine that tells neither which packet was
 * acknowledged nor lets packets be padded: a probe is an ordinary packet of a bulk transfer that is
 * larger than the others. It has passed when, a round trip and four packets later, less was lost in
 * all than the probe is long. Under loss that verdict may be wrong in one direction only: a size that
 * passes may count as lost.
 *
 *   searching --probe passed--> searching (larger)     --close enough--> done --10 min--> searching
 *       ^  \--three probes lost--> searching (smaller) --close enough--> done
 *       +-- black hole: back to the size that every path carries
 */
export class PathMtu {
  readonly #floorBytes: number;
  readonly #ceilingBytes: number;
  #currentBytes: number;
  /** The smallest size known to fail, or one more than the largest that may be tried. */
  #failedBytes: number;
  #lostProbes = 0;
  #probe: Probe | undefined;
  #isDone = false;
  #nextSearchMs = 0;
  #window: PathCounters | undefined;

  /**
   * `startBytes` is sent from the first packet on; `ceilingBytes` is what the local interface
   * carries. Both are UDP payloads.
   */
  constructor(startBytes: number, ceilingBytes: number) {
    // Without a search there is nothing to fall back from.
    this.#floorBytes = startBytes < ceilingBytes ? PACKET_BYTES_MIN : startBytes;
    this.#currentBytes = startBytes;
    this.#ceilingBytes = Math.max(startBytes, ceilingBytes);
    this.#failedBytes = this.#ceilingBytes + 1;
    this.#isDone = this.#ceilingBytes === startBytes;
    if (this.#isDone) this.#nextSearchMs = Number.POSITIVE_INFINITY;
  }

  /** Largest UDP payload to send. */
  get packetBytes(): number {
    return this.#currentBytes;
  }

  /** True when a packet of `probeBytes` should be sent now, provided that there is enough to fill it. */
  wantsProbe(nowMs: number): boolean {
    if (this.#probe !== undefined) return false;
    if (this.#isDone && nowMs < this.#nextSearchMs) return false;
    return this.probeBytes > this.#currentBytes;
  }

  /** The size to try: the ceiling first, which most paths carry, then halfway. */
  get probeBytes(): number {
    if (this.#isDone || this.#failedBytes > this.#ceilingBytes) return this.#ceilingBytes;
    return Math.floor((this.#currentBytes + this.#failedBytes) / 2);
  }

  /** A packet of `bytes` went out; `counters` are those after it. */
  onProbeSent(bytes: number, counters: PathCounters, nowMs: number): void {
    if (this.#isDone) {
      this.#isDone = false;
      this.#failedBytes = this.#ceilingBytes + 1;
    }
    this.#probe = { bytes, atMs: nowMs, counters };
  }

  /** True when `onCounters` has something to judge. */
  get isWatching(): boolean {
    return this.#probe !== undefined || this.#currentBytes > this.#floorBytes;
  }

  /** Judges the probe that is out, and whether the path has become a black hole. */
  onCounters(counters: PathCounters, nowMs: number): void {
    const probe = this.#probe;
    if (probe !== undefined && this.#isJudgeable(probe, counters, nowMs)) {
      this.#probe = undefined;
      const isPassed = counters.lostBytes - probe.counters.lostBytes < probe.bytes;
      if (isPassed) this.#onPassed(probe.bytes, nowMs);
      else this.#onLost(probe.bytes, nowMs);
    } else if (probe !== undefined && nowMs - probe.atMs > VERDICT_MS_MAX) {
      this.#probe = undefined;
    }
    this.#watchForBlackHole(counters, nowMs);
  }

  #isJudgeable(probe: Probe, counters: PathCounters, nowMs: number): boolean {
    const followers = counters.sentPackets - probe.counters.sentPackets;
    const heard = counters.receivedPackets - probe.counters.receivedPackets;
    const waitMs = Math.max(counters.rttMs * 2, VERDICT_MS_MIN);
    return followers >= FOLLOWERS_MIN && heard > 0 && nowMs - probe.atMs >= waitMs;
  }

  #onPassed(bytes: number, nowMs: number): void {
    this.#currentBytes = bytes;
    this.#lostProbes = 0;
    this.#window = undefined;
    if (this.#failedBytes - bytes <= CLOSE_ENOUGH_BYTES) this.#end(nowMs);
  }

  #onLost(bytes: number, nowMs: number): void {
    this.#lostProbes += 1;
    if (this.#lostProbes < PROBES_MAX) return;
    this.#lostProbes = 0;
    this.#failedBytes = bytes;
    if (this.#failedBytes - this.#currentBytes <= CLOSE_ENOUGH_BYTES) this.#end(nowMs);
  }

  #end(nowMs: number): void {
    this.#isDone = true;
    const isAtCeiling = this.#currentBytes >= this.#ceilingBytes;
    this.#nextSearchMs = isAtCeiling ? Number.POSITIVE_INFINITY : nowMs + RAISE_MS;
  }

  /** RFC 8899 4.3: a route may change to one that carries less. */
  #watchForBlackHole(counters: PathCounters, nowMs: number): void {
    if (this.#currentBytes <= this.#floorBytes) return;
    const since = this.#window;
    if (since === undefined) {
      this.#window = counters;
      return;
    }
    const sentBytes = counters.sentBytes - since.sentBytes;
    if (sentBytes < BLACK_HOLE_PACKETS * this.#currentBytes) return;
    this.#window = counters;
    const lostBytes = counters.lostBytes - since.lostBytes;
    const isHole =
      lostBytes >= BLACK_HOLE_PACKETS * this.#currentBytes && lostBytes > sentBytes / 2;
    if (!isHole) return;
    this.#failedBytes = this.#currentBytes;
    this.#currentBytes = this.#floorBytes;
    this.#probe = undefined;
    this.#lostProbes = 0;
    this.#end(nowMs);
  }
}
