import { Violation } from './violation.js';

/** Election Safety (Raft figure 3, section 5.2): at most one leader is elected in a term. */
export class ElectionSafety {
  readonly #leaders = new Map<number, number>();
  #latestTerm = 0;

  /** The highest term that has had a leader, or 0. */
  get latestTerm(): number {
    return this.#latestTerm;
  }

  /** Terms that have had a leader. */
  get elections(): number {
    return this.#leaders.size;
  }

  /** `node` leads `term`. May be told again and again. Returns whether that is news. */
  leads(node: number, term: number): boolean {
    const known = this.#leaders.get(term);
    if (known === node) return false;
    if (known !== undefined) {
      throw new Violation('election-safety', `nodes ${known} and ${node} both lead term ${term}`);
    }
    this.#leaders.set(term, node);
    this.#latestTerm = Math.max(this.#latestTerm, term);
    return true;
  }
}
