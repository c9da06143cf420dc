import type { RaftState } from './state.js';
import { toConfState } from './tracker/membership.js';
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
  /** Entries that the disk has lost and others have not sent yet. */
  readonly lostEntries: number;
  /** Gives no vote, since it may have forgotten what it acknowledged. */
  readonly isAmnesiac: boolean;
  /** Does not campaign, since it does not have all that it acknowledged or was told of. */
  readonly owesEntries: boolean;
  /** The group sleeps, as far as this node knows (`quiescence.ts`). */
  readonly quiescent: boolean;
  /** On a leader: every member, itself included. Elsewhere empty. */
  readonly progress: ReadonlyMap<NodeId, ProgressStatus>;
}

/** See `RaftStatus`. */
export function statusOf(state: RaftState): RaftStatus {
  const { log, group } = state;
  const progress = new Map<NodeId, ProgressStatus>();
  if (state.role === 'leader') {
    for (const [node, member] of group.progress) progress.set(node, member.status());
  }
  return {
    id: state.id,
    term: state.term,
    vote: state.vote,
    role: state.role,
    leader: state.leader,
    commit: log.commit,
    applied: log.applied,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    snapshotIndex: log.snapshot?.index ?? 0,
    confState: toConfState(group.members),
    transferTarget: state.transferTarget,
    uncommittedBytes: state.uncommittedBytes,
    lostEntries: log.lostCount,
    isAmnesiac: state.toldEnds !== null,
    owesEntries: state.owesEntries,
    quiescent: state.quiescence.asleep,
    progress,
  };
}
