import { Violation } from './violation.js';

/**
 * What a core hands out to its machine (Raft figure 2, "Rules for servers, all servers"): each
 * committed entry once, in the order of the log, behind what was applied before or came with a
 * snapshot; and `commitIndex` is never behind `lastApplied`.
 */
export class ApplyOrder {
  readonly #lastIndex = new Map<number, number>();

  /** A process begins whose machine has applied everything up to `applied`. */
  started(node: number, applied: number, commit: number): void {
    this.#lastIndex.set(node, applied);
    if (commit >= applied) return;
    throw new Violation(
      'apply-order',
      `node ${node} starts with commit index ${commit}, and has applied entry ${applied}`,
    );
  }

  /** The core of `node` hands out the entries `first` to `last`. */
  handedOut(node: number, first: number, last: number): void {
    const before = this.#lastIndex.get(node) ?? 0;
    if (first !== before + 1) {
      throw new Violation('apply-order', `node ${node} applies entry ${first} after ${before}`);
    }
    this.#lastIndex.set(node, last);
  }

  /** A snapshot at `index` is in the machine of `node`. */
  installed(node: number, index: number): void {
    this.#lastIndex.set(node, Math.max(index, this.#lastIndex.get(node) ?? 0));
  }
}
