import type { ConfState, NodeId } from '../types.js';

/**
 * Who takes part, and how. `learners` never overlap with the voters of either half; who is to
 * become a learner but still votes in the outgoing half stands in `learnersNext`.
 */
export interface Membership {
  readonly voters: ReadonlySet<NodeId>;
  /** Empty unless the configuration is joint. */
  readonly votersOutgoing: ReadonlySet<NodeId>;
  readonly learners: ReadonlySet<NodeId>;
  readonly learnersNext: ReadonlySet<NodeId>;
  readonly autoLeave: boolean;
}

/** The membership of nobody. */
export const NO_MEMBERS: Membership = {
  voters: new Set(),
  votersOutgoing: new Set(),
  learners: new Set(),
  learnersNext: new Set(),
  autoLeave: false,
};

/** Whether `members` is between two configurations. */
export function isJoint(members: Membership): boolean {
  return members.votersOutgoing.size > 0;
}

/** Whether `node` votes in either half. */
export function isVoter(members: Membership, node: NodeId): boolean {
  return members.voters.has(node) || members.votersOutgoing.has(node);
}

/** Ids in rising order. */
export function sortedIds(ids: Iterable<NodeId>): NodeId[] {
  return [...ids].sort((a, b) => a - b);
}

/** Everybody who votes in either half, in rising order. */
export function allVoters(members: Membership): NodeId[] {
  return sortedIds(new Set([...members.voters, ...members.votersOutgoing]));
}

/** The form that snapshots carry. */
export function toConfState(members: Membership): ConfState {
  return {
    voters: sortedIds(members.voters),
    votersOutgoing: sortedIds(members.votersOutgoing),
    learners: sortedIds(members.learners),
    learnersNext: sortedIds(members.learnersNext),
    autoLeave: members.autoLeave,
  };
}
