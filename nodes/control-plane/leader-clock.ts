/**
 * The time that a leader tells in its proposals: milliseconds in which the swarm had a leader, counted
 * on from where the replicated clock stands. Not the time of day: a clock that is set, or a machine
 * that slept, moves nothing, and a swarm that was down does not find every session expired.
 *
 *   replicated clock ----+---- first tick that leads in a term: goes on from here
 *                        |
 *   readings of a clock  +---- each further tick adds what has passed, at most two ticks' worth
 *
 * The bound makes the told time at most twice as fast as the ticks, whatever the clock of the machine
 * reads, so that a client which keeps its session alive three times in a time-out never loses it.
 */
import { assert } from '../assert.js';

/** Where elapsed time comes from; the driver brings it. */
export interface TimeSource {
  /** Any clock in milliseconds; only differences count. */
  nowMs(): number;
  /** Time of day in milliseconds since 1970, for schedules only. */
  timeOfDayMs(): number;
  /** Milliseconds between two ticks of the replica. */
  readonly tickMs: number;
}

/** Ticks' worth of time that one tick may add. */
const TICKS_ADDED_MAX = 2;

export class LeaderClock {
  readonly #source: TimeSource;
  #readingMs: number;
  /** The term in which `#toldMs` counts; 0 while this node does not lead. */
  #term = 0;
  #toldMs = 0;

  constructor(source: TimeSource) {
    assert(source.tickMs > 0, 'ticks are some time apart');
    this.#source = source;
    this.#readingMs = source.nowMs();
  }

  /** Call on every tick. `term` is the one that this node leads in, or 0. */
  tick(term: number, clockMs: number): void {
    const readingMs = this.#source.nowMs();
    const passedMs = readingMs - this.#readingMs;
    this.#readingMs = readingMs;
    if (term === 0 || term !== this.#term) {
      this.#term = term;
      this.#toldMs = clockMs;
      return;
    }
    const addedMsMax = this.#source.tickMs * TICKS_ADDED_MAX;
    // Written so that a reading that is no number adds nothing.
    const addedMs = passedMs > 0 ? Math.min(passedMs, addedMsMax) : 0;
    this.#toldMs = Math.max(this.#toldMs + addedMs, clockMs);
  }

  /** What to tell now: whole milliseconds, never before the replicated clock. */
  nowMs(clockMs: number): number {
    return this.#term === 0 ? clockMs : Math.max(Math.floor(this.#toldMs), clockMs);
  }
}
