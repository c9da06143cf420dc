import { Violation } from './violation.js';

interface Seen {
  readonly index: number;
  readonly node: number;
}

/**
 * Monotone reads and read-your-writes (Terry et al., "Session Guarantees for Weakly Consistent
 * Replicated Data", 1994): what a client is answered never comes from an earlier state than what it
 * was answered before, whichever node answers.
 */
export class MonotoneReads {
  readonly #seen = new Map<string, Seen>();

  /** `node` has answered a read of `client` from its state as of `index`. */
  read(client: string, node: number, index: number): void {
    const before = this.#seen.get(client);
    if (before !== undefined && index < before.index) {
      throw new Violation(
        'monotone-reads',
        `client ${client} reads the state as of index ${index} from node ${node}, after index ` +
          `${before.index} from node ${before.node}`,
      );
    }
    this.#seen.set(client, { index, node });
  }

  /** `node` has told `client` that its write has had its effect at `index`. */
  wrote(client: string, node: number, index: number): void {
    const before = this.#seen.get(client);
    if (before === undefined || index > before.index) this.#seen.set(client, { index, node });
  }
}
