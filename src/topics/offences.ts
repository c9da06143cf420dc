/**
 * Offences of peers that gossipsub cannot see, for the part of its score that belongs to the
 * application (P5 of gossipsub 1.1). They fade, and a few cost nothing: a clock that was set, or a
 * process that was started again, makes an honest peer look bad for a moment.
 */
import { OFFENDERS_MAX } from './limits.js';

const HALF_LIFE_MS = 60_000;
const FREE = 20;

interface Standing {
  readonly points: number;
  readonly atMs: number;
}

export class Offences {
  readonly #standings = new Map<string, Standing>();
  readonly #nowMs: () => number;

  /** `nowMs`: a clock that only goes forward. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(peerId: string, points: number): void {
    const standing = { points: this.#points(peerId) + points, atMs: this.#nowMs() };
    this.#standings.delete(peerId);
    this.#standings.set(peerId, standing);
    const [oldest] = this.#standings.keys();
    if (this.#standings.size > OFFENDERS_MAX && oldest !== undefined) {
      this.#standings.delete(oldest);
    }
  }

  /** 0 or less. */
  score(peerId: string): number {
    return Math.min(0, FREE - this.#points(peerId));
  }

  #points(peerId: string): number {
    const known = this.#standings.get(peerId);
    if (known === undefined) return 0;
    return known.points * 2 ** ((known.atMs - this.#nowMs()) / HALF_LIFE_MS);
  }
}
