/** A rate with a burst: refilled by time, empty when both are used up. Time comes in. */
export class TokenBucket {
  readonly #ratePerSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(ratePerSecond: number, burst: number, nowMs: number) {
    this.#ratePerSecond = ratePerSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAtMs = nowMs;
  }

  /** Takes `count` tokens and returns 0, or takes none: the milliseconds after which there are so many. */
  take(nowMs: number, count = 1): number {
    const elapsedMs = Math.max(nowMs - this.#filledAtMs, 0);
    this.#filledAtMs = nowMs;
    this.add((elapsedMs / 1_000) * this.#ratePerSecond);
    if (this.#tokens >= count) {
      this.#tokens -= count;
      return 0;
    }
    return Math.ceil(((count - this.#tokens) / this.#ratePerSecond) * 1_000);
  }

  /** Tokens that were earned otherwise than by time. */
  add(count: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + count);
  }
}
