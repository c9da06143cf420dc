/** Identifier of a member, 1 to 2^53-1. The value 0 (`NO_NODE`) means "none". */
export type NodeId = number;

/** The node id that stands for "nobody": no leader, no vote. */
export const NO_NODE: NodeId = 0;

/**
 * What an entry carries: application bytes, or a membership change made by `encodeConfChange`.
 * `lost` stands only in a restored log: the store knows index and term, and that the entry may have
 * been acknowledged, but not what it held. Such an entry is never encoded, on disk or wire.
 */
export type EntryType = 'normal' | 'confChange' | 'lost';

/**
 * One slot of the replicated log (Raft section 5.3). Entries are immutable: the core, the store and
 * the wire share them by reference. A normal entry without bytes is the no-op of a new leader.
 */
export interface Entry {
  readonly term: number;
  readonly index: number;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** What must be durable before any message that depends on it leaves (Raft figure 2). */
export interface HardState {
  readonly term: number;
  /** The candidate voted for in `term`, or `NO_NODE`. */
  readonly vote: NodeId;
  readonly commit: number;
}

/** A membership, as stored in snapshots. Joint while `votersOutgoing` is not empty (section 6). */
export interface ConfState {
  readonly voters: readonly NodeId[];
  /** The voters of the outgoing half of a joint configuration. */
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** Outgoing voters that become learners when the joint configuration is left. */
  readonly learnersNext: readonly NodeId[];
  /** The leader leaves the joint configuration by itself once it is applied. */
  readonly autoLeave: boolean;
}

/** Names a snapshot: the last entry it covers and the membership as of that entry. */
export interface SnapshotMeta {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState;
}

/** The part a node plays in its term. */
export type Role = 'follower' | 'precandidate' | 'candidate' | 'leader';

/** What is known about the leadership without any disk write. */
export interface SoftState {
  readonly leader: NodeId;
  readonly role: Role;
}
