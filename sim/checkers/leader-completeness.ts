import type { LogView } from './log-view.js';
import { Violation } from './violation.js';

/**
 * Leader Completeness (Raft figure 3, section 5.4): an entry that is committed in a term is in the
 * logs of the leaders of all later terms. Checked at each election, over the entries that any node
 * has known to be committed. It says nothing about a leader that takes over after one of a later term has led.
 */
export class LeaderCompleteness {
  #latestTerm = 0;
  /** Terms of the committed entries, by index. */
  readonly #committed: (number | undefined)[] = [];

  /** `node` knows the entry (index, term) to be committed. */
  committed(node: number, index: number, term: number): void {
    const known = this.#committed[index];
    if (known !== undefined && known !== term) {
      throw new Violation(
        'leader-completeness',
        `node ${node} holds an entry of term ${term} for committed at index ${index}, where one of ` +
          `term ${known} is`,
      );
    }
    this.#committed[index] = term;
  }

  elected(node: number, term: number, log: LogView): void {
    if (term < this.#latestTerm) return;
    this.#latestTerm = term;
    for (let index = log.firstIndex; index < this.#committed.length; index += 1) {
      const wanted = this.#committed[index];
      if (wanted === undefined) continue;
      const found = log.termAt(index);
      if (found === wanted) continue;
      const what = found === undefined ? 'nothing' : `an entry of term ${found}`;
      throw new Violation(
        'leader-completeness',
        `node ${node} leads term ${term} and holds ${what} at index ${index}, where an entry of ` +
          `term ${wanted} is committed`,
      );
    }
  }
}
