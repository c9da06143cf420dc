import { Violation } from './violation.js';

/**
 * A node votes for at most one candidate in a term, first come first served (Raft section 5.2,
 * figure 2: the vote is stored before it is given). Judged by the messages that leave the node, so
 * that what a crash makes it forget is noticed.
 */
export class NoDoubleVote {
  readonly #votes = new Map<number, Map<number, number>>();

  /** `node` gives its vote of `term` to `candidate`; a candidate votes for itself. */
  voted(node: number, term: number, candidate: number): void {
    let votes = this.#votes.get(node);
    if (votes === undefined) {
      votes = new Map();
      this.#votes.set(node, votes);
    }
    const first = votes.get(term);
    if (first === undefined) votes.set(term, candidate);
    else if (first !== candidate) {
      throw new Violation(
        'no-double-vote',
        `node ${node} votes for node ${candidate} in term ${term}, after its vote for node ${first}`,
      );
    }
  }
}
