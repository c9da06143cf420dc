/**
 * For how long a leader has not heard of each member. Not replicated: a new leader begins to count
 * anew, so that after an election everybody has the whole time to be heard of. Pure.
 */
import type { RaftStatus } from '../../consensus/raft/index.js';

export class Silence {
  #term = 0;
  #nowMs = 0;
  readonly #heardMs = new Map<number, number>();

  /** Call on every tick of a leader, with its clock. */
  note({ term, progress, id }: RaftStatus, nowMs: number): void {
    if (term !== this.#term) this.#heardMs.clear();
    this.#term = term;
    this.#nowMs = nowMs;
    for (const nodeId of this.#heardMs.keys()) {
      if (!progress.has(nodeId)) this.#heardMs.delete(nodeId);
    }
    for (const [nodeId, { recentActive }] of progress) {
      if (recentActive || nodeId === id || !this.#heardMs.has(nodeId)) {
        this.#heardMs.set(nodeId, nowMs);
      }
    }
  }

  /** Milliseconds; 0 for one that is not known. */
  of(nodeId: number): number {
    return this.#nowMs - (this.#heardMs.get(nodeId) ?? this.#nowMs);
  }
}
