import type { RaftNode, SnapshotMeta } from '../../consensus/raft/index.js';
import type { Replica } from './replica.js';

export interface PreparedSnapshot {
  readonly meta: SnapshotMeta;
  readonly state: string;
}

/**
 * The snapshots that a node gives to others. As in production one is prepared when it is needed, and
 * may serve again as long as the log goes on from it: it can be older or later than the one that
 * the core names.
 */
export class SnapshotSource {
  readonly #reuses: boolean;
  #prepared: PreparedSnapshot | null = null;

  constructor(reuses: boolean) {
    this.#reuses = reuses;
  }

  prepare(node: RaftNode, replica: Replica, appliedIndex: number): PreparedSnapshot {
    const prepared = this.#prepared;
    const isUsable = prepared !== null && prepared.meta.index + 1 >= node.status().firstIndex;
    if (isUsable && this.#reuses) return prepared;
    this.#prepared = { meta: node.snapshotMeta(appliedIndex), state: replica.snapshot() };
    return this.#prepared;
  }
}
