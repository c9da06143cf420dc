/**
 * For how long a leader has not heard of each member, itself or by way of others (gossip). Not
 * replicated: a new leader begins to count anew, so that after an election everybody has the whole
 * time to be heard of, unless gossip knows since when it is dead. Pure.
 */
import type { RaftStatus } from '../../consensus/raft/index.js';

/** What gossip says of a member; nothing of one that it has not heard of, or that has left. */
export type Liveness =
  | { readonly isAlive: true }
  /** All know, and have known for so long, that it answers nobody. */
  | { readonly isAlive: false; readonly forMs: number };

const UNHEARD_OF = (): undefined => undefined;

export class Silence {
  #term = 0;
  #nowMs = 0;
  readonly #heardMs = new Map<number, number>();

  /** Call on every tick of a leader, with its clock. */
  note(
    { term, progress, id }: RaftStatus,
    nowMs: number,
    livenessOf: (nodeId: number) => Liveness | undefined = UNHEARD_OF,
  ): void {
    if (term !== this.#term) this.#heardMs.clear();
    this.#term = term;
    this.#nowMs = nowMs;
    for (const nodeId of this.#heardMs.keys()) {
      if (!progress.has(nodeId)) this.#heardMs.delete(nodeId);
    }
    for (const [nodeId, { recentActive }] of progress) {
      const liveness = livenessOf(nodeId);
      if (recentActive || nodeId === id || liveness?.isAlive === true) {
        this.#heardMs.set(nodeId, nowMs);
      } else if (!this.#heardMs.has(nodeId)) {
        this.#heardMs.set(nodeId, nowMs - (liveness?.forMs ?? 0));
      }
    }
  }

  /** Milliseconds; 0 for one that is not known. */
  of(nodeId: number): number {
    return this.#nowMs - (this.#heardMs.get(nodeId) ?? this.#nowMs);
  }
}
