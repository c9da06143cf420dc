/**
 * Quorum arithmetic of majorities and of joint majorities (Raft section 6). An empty majority
 * commits everything and wins every vote, so that a joint quorum with one empty half is the other
 * half alone.
 */
import type { NodeId } from './types.js';

/** What a vote has come to. */
export type VoteOutcome = 'pending' | 'won' | 'lost';

/** The smallest number of members that is more than half of `memberCount`. */
export function majoritySize(memberCount: number): number {
  return Math.floor(memberCount / 2) + 1;
}

/**
 * The largest index that a majority of `voters` has acknowledged, `Infinity` without voters. A
 * voter without an acknowledged index counts as 0.
 */
export function majorityCommitted(
  voters: ReadonlySet<NodeId>,
  acknowledged: (voter: NodeId) => number | undefined,
): number {
  if (voters.size === 0) return Infinity;
  const indexes: number[] = [];
  for (const voter of voters) indexes.push(acknowledged(voter) ?? 0);
  indexes.sort((a, b) => a - b);
  return indexes[voters.size - majoritySize(voters.size)] as number;
}

/** The largest index that is committed in both halves of a joint configuration. */
export function jointCommitted(
  incoming: ReadonlySet<NodeId>,
  outgoing: ReadonlySet<NodeId>,
  acknowledged: (voter: NodeId) => number | undefined,
): number {
  const inIncoming = majorityCommitted(incoming, acknowledged);
  if (outgoing.size === 0) return inIncoming;
  return Math.min(inIncoming, majorityCommitted(outgoing, acknowledged));
}

/** The outcome among `voters` of the votes cast so far. */
export function majorityVote(
  voters: ReadonlySet<NodeId>,
  vote: (voter: NodeId) => boolean | undefined,
): VoteOutcome {
  if (voters.size === 0) return 'won';
  let granted = 0;
  let missing = 0;
  for (const voter of voters) {
    const cast = vote(voter);
    if (cast === undefined) missing += 1;
    else if (cast) granted += 1;
  }
  const needed = majoritySize(voters.size);
  if (granted >= needed) return 'won';
  return granted + missing >= needed ? 'pending' : 'lost';
}

/** The outcome of a vote that both halves of a joint configuration have to win. */
export function jointVote(
  incoming: ReadonlySet<NodeId>,
  outgoing: ReadonlySet<NodeId>,
  vote: (voter: NodeId) => boolean | undefined,
): VoteOutcome {
  const first = majorityVote(incoming, vote);
  const second = majorityVote(outgoing, vote);
  if (first === 'lost' || second === 'lost') return 'lost';
  return first === 'won' && second === 'won' ? 'won' : 'pending';
}
