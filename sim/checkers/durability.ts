import type { LogView } from './log-view.js';
import { Violation } from './violation.js';

interface Acknowledged {
  readonly index: number;
  readonly term: number;
  /** Who was told, and of what: `client-2 write 7`. */
  readonly what: string;
}

/**
 * Durability: a write that was acknowledged to its client is never lost (Raft section 8; what
 * commitment in section 5.4 is for). Every later leader holds it, and at the end every node has
 * applied it.
 */
export class Durability {
  readonly #acknowledged: Acknowledged[] = [];
  #latestTerm = 0;

  get writes(): number {
    return this.#acknowledged.length;
  }

  /** A client was told that its write has had its effect at `index`, in an entry of `term`. */
  acknowledged(index: number, term: number, what: string): void {
    this.#acknowledged.push({ index, term, what });
  }

  /** A leader of a later term holds all of them, or a snapshot in their place. */
  elected(node: number, term: number, log: LogView): void {
    if (term < this.#latestTerm) return;
    this.#latestTerm = term;
    for (const write of this.#acknowledged) {
      if (write.index < log.firstIndex || log.termAt(write.index) === write.term) continue;
      throw this.#lost(write, `node ${node}, which leads term ${term}, does not hold it`);
    }
  }

  /** At the end: `node` has applied everything up to `index`, with these terms. */
  ended(node: number, index: number, termAt: (index: number) => number | undefined): void {
    for (const write of this.#acknowledged) {
      if (index < write.index) {
        throw this.#lost(write, `node ${node} ends with index ${index}`);
      }
      const term = termAt(write.index);
      if (term !== undefined && term !== write.term) {
        throw this.#lost(write, `an entry of term ${term} was applied there`);
      }
    }
  }

  #lost({ index, term, what }: Acknowledged, why: string): Violation {
    const entry = `entry ${index} of term ${term}`;
    return new Violation('durability', `${what} was acknowledged as ${entry}, but ${why}`);
  }
}
