import type { MemberId } from './types.js';

export interface SuspicionTimes {
  readonly startMs: number;
  /** How long it lasts once enough members have confirmed it. */
  readonly leastMs: number;
  /** How long it lasts when nobody does. */
  readonly mostMs: number;
  /** How many of them are enough, besides the first. */
  readonly confirmations: number;
}

/**
 * A member is suspected until it refutes or the time is over. Each further member that suspects it
 * by itself makes the time shorter (Lifeguard 4.2, "dynamic suspicion timeouts"):
 *
 *     length = most - (most - least) * log(confirmations so far + 1) / log(confirmations wanted + 1)
 */
export class Suspicion {
  readonly #times: SuspicionTimes;
  readonly #accusers = new Set<MemberId>();
  #isConcluded = false;
  /** How long this node did not run since it began: nobody could refute then. */
  #pausedMs = 0;

  constructor(times: SuspicionTimes, accuser: MemberId) {
    this.#times = times;
    this.#accusers.add(accuser);
  }

  get deadlineMs(): number {
    const { startMs, leastMs, mostMs, confirmations } = this.#times;
    const counted = Math.min(this.#accusers.size - 1, confirmations);
    const isCertain = this.#isConcluded || confirmations === 0;
    const share = isCertain ? 1 : Math.log(counted + 1) / Math.log(confirmations + 1);
    return startMs + this.#pausedMs + mostMs - (mostMs - leastMs) * share;
  }

  /** Whether this accuser is a new one, and more of them make the time shorter. */
  wouldConfirm(accuser: MemberId): boolean {
    return !this.#accusers.has(accuser) && this.#accusers.size <= this.#times.confirmations;
  }

  /** True when it counts, so that others should hear of it. */
  confirm(accuser: MemberId): boolean {
    if (!this.wouldConfirm(accuser)) return false;
    this.#accusers.add(accuser);
    return true;
  }

  /**
   * Somebody's time is over. It ends here after the shortest time too, and not at once: whoever has
   * heard of it only now gives the member the time to refute. True the first time.
   */
  conclude(): boolean {
    if (this.#isConcluded) return false;
    this.#isConcluded = true;
    return true;
  }

  /** This node did not run for so long. */
  extend(ms: number): void {
    this.#pausedMs += ms;
  }
}
