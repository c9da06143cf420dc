/** Keeps the best few of many candidates. */

export interface Scored {
  readonly id: string;
  readonly score: number;
}

/** Higher scores first; equal scores by id, so that all nodes answer in one order. */
export function byScore(a: Scored, b: Scored): number {
  if (a.score !== b.score) return b.score - a.score;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

/** A sorted list of at most `limit` candidates. */
export class Nearest {
  readonly #limit: number;
  readonly #best: Scored[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Score below which a candidate cannot enter. */
  get floor(): number {
    if (this.#best.length < this.#limit) return -Infinity;
    return this.#best.at(-1)?.score ?? -Infinity;
  }

  offer(candidate: Scored): void {
    let low = 0;
    let high = this.#best.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const held = this.#best[middle];
      if (held !== undefined && byScore(held, candidate) <= 0) low = middle + 1;
      else high = middle;
    }
    if (low >= this.#limit) return;
    this.#best.splice(low, 0, candidate);
    if (this.#best.length > this.#limit) this.#best.pop();
  }

  list(): Scored[] {
    return this.#best;
  }
}
