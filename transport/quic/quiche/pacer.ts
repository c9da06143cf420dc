/** Round trips shorter than this are not paced: timers of Node have a resolution of one millisecond. */
const PACED_RTT_MS_MIN = 2;
/** What may go out at once, in packets: as much as the window of a connection that begins. */
const BURST_PACKETS = 10;
/** What may go out at once, in time: a timer that is set for 1 ms may come after 2 or 3. */
const BURST_MS = 4;
/**
 * Rate by window and round trip: for loss-based control 1.25 windows a round trip (RFC 9002 7.7).
 * BBR keeps two bandwidth-delay products in flight, and 2.89 while it starts.
 */
const GAIN = { bbr: 0.75, cubic: 1.25, reno: 1.25 } as const;

/**
 * Spreads the packets of a window over its round trip (RFC 9002 7.7): a token bucket in bytes.
 * The engine computes times of departure too, but hands them out in a form that cannot be read.
 */
export class Pacer {
  readonly #gain: number;
  /** Bytes a millisecond; infinite while the path is too short to be paced. */
  #rate = Number.POSITIVE_INFINITY;
  #burstBytes = 0;
  #tokens = 0;
  #filledAtMs = 0;

  constructor(congestionControl: keyof typeof GAIN) {
    this.#gain = GAIN[congestionControl];
  }

  /** True when `onPath` said that packets are to be spread. */
  get isPacing(): boolean {
    return this.#rate !== Number.POSITIVE_INFINITY;
  }

  /** What loss recovery knows now. Call it about once a round trip. */
  onPath(rttMs: number, windowBytes: number, packetBytes: number, nowMs: number): void {
    const wasPacing = this.isPacing;
    if (rttMs < PACED_RTT_MS_MIN) {
      this.#rate = Number.POSITIVE_INFINITY;
      return;
    }
    this.#refill(nowMs);
    this.#rate = (this.#gain * windowBytes) / rttMs;
    this.#burstBytes = Math.max(BURST_PACKETS * packetBytes, this.#rate * BURST_MS);
    this.#tokens = wasPacing ? Math.min(this.#tokens, this.#burstBytes) : this.#burstBytes;
  }

  /** Milliseconds until the next packet may go; 0 when it may go now. */
  waitMs(nowMs: number): number {
    if (!this.isPacing) return 0;
    this.#refill(nowMs);
    return this.#tokens > 0 ? 0 : (1 - this.#tokens) / this.#rate;
  }

  onSent(bytes: number): void {
    this.#tokens -= bytes;
  }

  #refill(nowMs: number): void {
    if (this.isPacing) {
      const earned = (nowMs - this.#filledAtMs) * this.#rate;
      this.#tokens = Math.min(this.#tokens + earned, this.#burstBytes);
    }
    this.#filledAtMs = nowMs;
  }
}
