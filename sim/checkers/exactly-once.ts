import { Violation } from './violation.js';

/**
 * Exactly once (Raft section 8, thesis 6.3; RIFL, Lee et al. 2015): however often a client sends a
 * write of its session, it has its effect at one index, on every node.
 */
export class ExactlyOnce {
  readonly #effects = new Map<string, Map<number, number>>();

  /** On `node`, write `sequence` of `client` has its effect at `index`; copies are not told. */
  effect(node: number, client: string, sequence: number, index: number): void {
    let effects = this.#effects.get(client);
    if (effects === undefined) {
      effects = new Map();
      this.#effects.set(client, effects);
    }
    const first = effects.get(sequence);
    if (first === undefined) effects.set(sequence, index);
    else if (first !== index) {
      throw new Violation(
        'exactly-once',
        `write ${sequence} of client ${client} has an effect at index ${first}, and on node ` +
          `${node} another one at index ${index}`,
      );
    }
  }
}
