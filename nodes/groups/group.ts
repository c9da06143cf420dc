import type { ConfState, NodeId, Role } from '../../consensus/raft/index.js';
import type { GroupId } from '../../consensus/raft-groups/index.js';

/** How long to wait, in milliseconds; `WAIT_MS_DEFAULT` when left out. */
export interface WaitOptions {
  readonly timeoutMs?: number;
}

/** A member of a group as seen from outside. */
export interface GroupStatus {
  readonly group: GroupId;
  readonly node: NodeId;
  readonly role: Role;
  readonly term: number;
  /** Who leads as far as this member knows, or 0. */
  readonly leader: NodeId;
  readonly members: ConfState;
  readonly commitIndex: number;
  /** The last entry that the state machine has. */
  readonly appliedIndex: number;
  /** The group sleeps: no heartbeats, no ticks, until something happens. */
  readonly quiescent: boolean;
  readonly proposalsWaiting: number;
  readonly readsWaiting: number;
}

/**
 * This node's member of a group. Every method but `status` and `close` rejects with a `GroupError`,
 * whose code says whether anything was done.
 */
export interface ReplicatedGroup<Result> {
  readonly id: GroupId;
  /**
   * Replicates a command (copied) and applies it. On the leader only (`not-leader` says who that
   * is). Resolves with what this node's state machine returned for it: by then a majority has the
   * command on its disk.
   */
  propose(command: Uint8Array, options?: WaitOptions): Promise<Result>;
  /**
   * On any member: resolves once the state machine here has everything whose proposal had resolved
   * anywhere before this call. What is then read from it is linearizable.
   */
  readBarrier(options?: WaitOptions): Promise<void>;
  /** Hands leadership to another voter. Resolves when it leads as far as this member knows. */
  transfer(to: NodeId, options?: WaitOptions): Promise<void>;
  /** Adds a voter, or a learner, which gets everything and does not vote; it has to be a peer. */
  addMember(node: NodeId, kind: 'voter' | 'learner', options?: WaitOptions): Promise<void>;
  /** Makes a learner a voter. */
  promoteMember(node: NodeId, options?: WaitOptions): Promise<void>;
  removeMember(node: NodeId, options?: WaitOptions): Promise<void>;
  status(): GroupStatus;
  /** Takes no part any more, and keeps what is on the disk. */
  close(): Promise<void>;
}
