import { type CheckedEntry, equalBytes } from './log-matching.js';
import { Violation } from './violation.js';

interface Known {
  readonly term: number;
  readonly data: Uint8Array;
  readonly node: number;
}

/**
 * State Machine Safety (Raft figure 3, section 5.4.3): if a node has applied an entry at an index,
 * no other ever applies a different one there; and each applies all of them, in order. Equal states
 * at equal indexes follow for deterministic machines, and are compared where they are told.
 */
export class StateMachineSafety {
  readonly #known = new Map<number, Known>();
  readonly #applied = new Map<number, number>();
  readonly #states = new Map<number, { readonly text: string; readonly node: number }>();
  #last = 0;

  /** The last index that any node has applied. */
  get lastApplied(): number {
    return this.#last;
  }

  /** Term of the entry that was applied at `index`; undefined if none was seen. */
  termAt(index: number): number | undefined {
    return this.#known.get(index)?.term;
  }

  /** `node` applies an entry. */
  applied(node: number, entry: CheckedEntry): void {
    const { index, term, data } = entry;
    const before = this.#applied.get(node);
    if (before !== undefined && index !== before + 1) {
      throw new Violation(
        'state-machine-safety',
        `node ${node} applies entry ${index} after entry ${before}`,
      );
    }
    this.#applied.set(node, index);
    const known = this.#known.get(index);
    if (known === undefined) {
      this.#known.set(index, { term, data, node });
      if (index > this.#last) this.#last = index;
    } else if (known.term !== term || !equalBytes(known.data, data)) {
      throw new Violation(
        'state-machine-safety',
        `node ${node} applies an entry of term ${term} at index ${index}, where node ` +
          `${known.node} applied another one of term ${known.term}`,
      );
    }
  }

  /** `node` goes on from a state as of `index`: it was started, or has installed a snapshot. */
  restored(node: number, index: number): void {
    this.#applied.set(node, index);
  }

  /** The state of `node` as of `index`, in a form that is equal for equal states. */
  holds(node: number, index: number, text: string): void {
    const known = this.#states.get(index);
    if (known === undefined) this.#states.set(index, { text, node });
    else if (known.text !== text) {
      throw new Violation(
        'state-machine-safety',
        `nodes ${known.node} and ${node} hold different states as of index ${index}: ` +
          `${shortened(known.text)} and ${shortened(text)}`,
      );
    }
  }
}

function shortened(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}...`;
}
