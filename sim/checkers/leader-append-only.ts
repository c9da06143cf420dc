import { Violation } from './violation.js';

/**
 * Leader Append-Only (Raft figure 3, section 5.3): a leader never overwrites or deletes entries of
 * its log, it only appends.
 */
export class LeaderAppendOnly {
  /** By node: the term that it leads, and the last entry it has written in it. */
  readonly #writing = new Map<number, { readonly term: number; lastIndex: number }>();

  /** `node`, which leads `term`, puts entries `first` to `last` into its log. */
  wrote(node: number, term: number, first: number, last: number): void {
    const known = this.#writing.get(node);
    if (known?.term !== term) {
      this.#writing.set(node, { term, lastIndex: last });
      return;
    }
    if (first <= known.lastIndex) {
      throw new Violation(
        'leader-append-only',
        `node ${node} leads term ${term} and writes entry ${first} again, after ${known.lastIndex}`,
      );
    }
    known.lastIndex = last;
  }

  /** A process ends, and with it what it led. */
  stopped(node: number): void {
    this.#writing.delete(node);
  }
}
