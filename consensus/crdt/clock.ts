import { CrdtError } from './error.js';
import { TIME_COUNTER_MAX } from './limits.js';

/**
 * A hybrid logical time (Kulkarni, Demirbas, Madappa, Avva, Leone: "Logical Physical Clocks", 2014):
 * close to the time of day, and greater than that of everything that happened before.
 */
export interface HybridTime {
  /** Milliseconds since 1970: the greatest time of day that is known of, `l` of the paper. */
  readonly wallMs: number;
  /** Order within a millisecond, `c` of the paper; at most `TIME_COUNTER_MAX`. */
  readonly counter: number;
}

/** Before every time that a clock gives. */
export const TIME_ZERO: HybridTime = { wallMs: 0, counter: 0 };

/** Below 0 when `a` is earlier, above when later. */
export function compareTimes(a: HybridTime, b: HybridTime): number {
  return a.wallMs - b.wallMs || a.counter - b.counter;
}

/**
 * The clock of one replica. The time of day comes in with each call, and may go back and forth: the
 * clock never goes back, and a time that is more than `driftMsMax` ahead of the time of day is
 * refused, since one wrong clock would otherwise set those of all others (section 4.2 of the paper).
 */
export class HybridClock {
  #last: HybridTime;

  constructor(
    private readonly driftMsMax: number,
    last: HybridTime = TIME_ZERO,
  ) {
    this.#last = last;
  }

  /**
   * A time for an event that happens here, later than all before. Throws `clock-drift` when the own
   * time of day has gone back by more than the bound: others would refuse what bears such a time.
   */
  tick(nowMs: number): HybridTime {
    if (nowMs > this.#last.wallMs) {
      this.#last = { wallMs: nowMs, counter: 0 };
      return this.#last;
    }
    this.requireNear(this.#last, nowMs);
    this.#last = after(this.#last);
    return this.#last;
  }

  /** Throws `clock-drift` for a time from elsewhere that is further ahead than the bound. */
  requireNear(time: HybridTime, nowMs: number): void {
    if (time.wallMs - nowMs <= this.driftMsMax) return;
    throw new CrdtError(
      'clock-drift',
      `a time is ${time.wallMs - nowMs} ms ahead of the clock of this machine, and ` +
        `${this.driftMsMax} ms is the most: set the clocks of the machines`,
    );
  }

  /** Takes over a time that was found near: what happens here from now on is later. */
  advance(time: HybridTime): void {
    if (compareTimes(time, this.#last) > 0) this.#last = time;
  }
}

function after({ wallMs, counter }: HybridTime): HybridTime {
  if (counter < TIME_COUNTER_MAX) return { wallMs, counter: counter + 1 };
  return { wallMs: wallMs + 1, counter: 0 };
}
