import { Violation } from './violation.js';

interface Decision {
  readonly node: string;
  readonly value: string;
  readonly round: number;
}

/**
 * Agreement of Byzantine consensus (Buchman, Kwon, Milosevic, "The latest gossip on BFT consensus",
 * 2018, section 2.3): no two correct nodes decide on different values at a height. A correct node
 * decides once at each height, one height after the other. Faulty nodes are not told about.
 */
export class BftAgreement {
  readonly #decided = new Map<number, Decision>();
  readonly #heights = new Map<string, number>();

  /** The correct `node` decides on `value` at `height`, in `round`. */
  decided(node: string, height: number, round: number, value: string): void {
    const last = this.#heights.get(node);
    if (last !== undefined && height !== last + 1) {
      throw new Violation(
        'bft-agreement',
        `node ${node} decides at height ${height} after height ${last}`,
      );
    }
    this.#heights.set(node, height);
    const known = this.#decided.get(height);
    if (known === undefined) {
      this.#decided.set(height, { node, value, round });
    } else if (known.value !== value) {
      throw new Violation(
        'bft-agreement',
        `at height ${height} node ${known.node} decides on ${known.value} in round ` +
          `${known.round}, and node ${node} on ${value} in round ${round}`,
      );
    }
  }

  /** `node` goes on behind `height`: it was synced, or started again. */
  resumed(node: string, height: number): void {
    this.#heights.set(node, height);
  }
}
