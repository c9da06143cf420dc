import type { Random } from './random.js';

/** Milliseconds of real time between two ticks of a host whose clock is right. */
export const TICK_MS = 10;
/** A clock runs at most so much faster or slower than real time. */
export const DRIFT_MAX = 0.1;

/** The clock of one host: it drifts, and now and then it jumps. Real time is the caller's. */
export class Clock {
  private readonly rate: number;
  private offsetMs: number;
  private tickDueMs = 0;
  private lastReadMs = -Infinity;

  constructor(random: Random) {
    this.rate = 1 + DRIFT_MAX * (2 * random.next() - 1);
    this.offsetMs = 1000 * random.next();
  }

  /** What it shows at `realMs`. */
  read(realMs: number): number {
    this.lastReadMs = this.offsetMs + this.rate * realMs;
    return this.lastReadMs;
  }

  /** Whether a tick is due: a period after the last one, however late that was. */
  isTickDue(realMs: number): boolean {
    if (realMs < this.tickDueMs) return false;
    this.tickDueMs = realMs + TICK_MS / this.rate;
    return true;
  }

  jumpAhead(byMs: number): void {
    this.offsetMs += byMs;
  }

  /** Back to before what was last read, so that the next reading shows it. */
  jumpBack(realMs: number, byMs: number): void {
    if (this.lastReadMs === -Infinity) return;
    this.offsetMs = this.lastReadMs - byMs - this.rate * realMs;
  }
}
