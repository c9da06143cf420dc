import { assert } from './errors.js';

/**
 * The clock of one node. Its monotonic side runs faster or slower than true time by the drift, and
 * timers run by it. Its wall side is the monotonic one plus an offset, and can be set forward and
 * back at any time.
 */
export class NodeClock {
  #driftPartsPerMillion = 0;
  /** Where the present drift began, in true and in local time. */
  #trueBase = 0;
  #localBase = 0;
  #wallOffset = 0;

  /** How much faster than true time it runs; negative when slower. */
  get driftPartsPerMillion(): number {
    return this.#driftPartsPerMillion;
  }

  /** What the clock shows at a true time: whole microseconds that never go back. */
  monotonic(trueMicroseconds: number): number {
    const passed = trueMicroseconds - this.#trueBase;
    if (this.#driftPartsPerMillion === 0) return this.#localBase + passed;
    return this.#localBase + Math.floor(passed + (passed * this.#driftPartsPerMillion) / 1_000_000);
  }

  wall(trueMicroseconds: number): number {
    return this.monotonic(trueMicroseconds) + this.#wallOffset;
  }

  /** The first true time at which the clock shows at least this; not before `nowMicroseconds`. */
  trueTimeOf(localMicroseconds: number, nowMicroseconds: number): number {
    const passed = localMicroseconds - this.#localBase;
    if (this.#driftPartsPerMillion === 0) return Math.max(nowMicroseconds, this.#trueBase + passed);
    const rate = 1 + this.#driftPartsPerMillion / 1_000_000;
    let time = Math.max(nowMicroseconds, this.#trueBase + Math.ceil(passed / rate));
    // The division may be off by one either way.
    while (this.monotonic(time) < localMicroseconds) time += 1;
    while (time > nowMicroseconds && this.monotonic(time - 1) >= localMicroseconds) time -= 1;
    return time;
  }

  setDrift(partsPerMillion: number, nowMicroseconds: number): void {
    assert(partsPerMillion > -1_000_000, 'a clock does not stand still or run backwards');
    this.#localBase = this.monotonic(nowMicroseconds);
    this.#trueBase = nowMicroseconds;
    this.#driftPartsPerMillion = partsPerMillion;
  }

  /** Sets the wall clock forward, or back when negative. */
  jump(microseconds: number): void {
    this.#wallOffset += microseconds;
  }

  /** Sets the wall clock to true time and so much more, as a time server that is wrong does. */
  setOffset(microseconds: number, nowMicroseconds: number): void {
    this.#wallOffset = nowMicroseconds + microseconds - this.monotonic(nowMicroseconds);
  }
}
