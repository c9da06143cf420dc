/**
 * The clock by which leases end (`consensus/raft/lease.ts`). The monotonic clock of a process never
 * goes back, but on some systems it stands still while the machine is suspended. The wall clock goes
 * on then: whatever it gains on the monotonic one is added. If it was only set forward by somebody,
 * leases end early, which is safe; that it was set back changes nothing.
 */

/** Milliseconds by which the two clocks may drift apart between two readings. */
const DRIFT_MS_MAX = 50;

/** See the head of this file. */
export class LeaseClock {
  readonly #monotonic: () => number;
  readonly #wall: () => number;
  #lastMonotonicMs: number;
  #lastWallMs: number;
  #gainedMs = 0;

  constructor(monotonic: () => number = () => performance.now(), wall: () => number = Date.now) {
    this.#monotonic = monotonic;
    this.#wall = wall;
    this.#lastMonotonicMs = monotonic();
    this.#lastWallMs = wall();
  }

  /** Milliseconds; never less than before. */
  nowMs(): number {
    const monotonicMs = this.#monotonic();
    const wallMs = this.#wall();
    const gainMs = wallMs - this.#lastWallMs - (monotonicMs - this.#lastMonotonicMs);
    if (gainMs > DRIFT_MS_MAX) this.#gainedMs += gainMs;
    this.#lastMonotonicMs = monotonicMs;
    this.#lastWallMs = wallMs;
    return monotonicMs + this.#gainedMs;
  }
}
