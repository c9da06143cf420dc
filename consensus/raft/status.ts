import type { ConfState, NodeId, Role } from './types.js';

/** How a leader feeds one follower. */
export type ProgressState = 'probe' | 'replicate' | 'snapshot';

/** What a leader knows about one member. */
export interface ProgressStatus {
  readonly match: number;
  readonly next: number;
  readonly state: ProgressState;
  readonly isLearner: boolean;
  /** Answered since the last quorum check. */
  readonly recentActive: boolean;
  readonly paused: boolean;
  readonly pendingSnapshot: number;
  readonly inflightMessages: number;
  /** The window has no room for a further message with entries. */
  readonly windowFull: boolean;
}

/** A node as seen from outside. */
export interface RaftStatus {
  readonly id: NodeId;
  readonly term: number;
  readonly vote: NodeId;
  readonly role: Role;
  readonly leader: NodeId;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly snapshotIndex: number;
  readonly confState: ConfState;
  /** The target of a leadership transfer under way, or 0. */
  readonly transferTarget: NodeId;
  readonly uncommittedBytes: number;
  /** The group sleeps, as far as this node knows (`quiescence.ts`). */
  readonly quiescent: boolean;
  /** On a leader: every member, itself included. Elsewhere empty. */
  readonly progress: ReadonlyMap<NodeId, ProgressStatus>;
}
