/**
 * Reads by lease: thesis 6.4.1. Whoever answers a heartbeat gives no vote for an election timeout
 * after it, so until then no other node leads. What could break that, and what is done about it:
 *
 *     the leader's clock stands still   a lease is measured on the clock that an input brings, from
 *     (a pause, a jump)                 before the heartbeats were sent; without a clock, or if it
 *                                       went back, there is no lease
 *     the leader hands over             the vote asked for by `timeoutNow` overrides the promise, and
 *                                       that message may be late: no lease in that term any more
 *     the membership changes            the quorum was one of another membership: the lease ends
 *     a follower restarts               it has forgotten its promise: no vote for an election timeout
 *     a follower forgets its leader     refused; a later term of somebody else does not end the promise
 *     a follower is told to campaign    refused while it has promised: its own vote is one as well
 *
 * A promise holds for more than `electionTicks - 1` ticks, since the first may end as it is given.
 */
import { NO_NODE } from './types.js';
import type { RaftState } from './state.js';

/** Takes over the clock of an input; what follows from one without a clock is of unknown time. */
export function observeClock(node: RaftState, nowMs: number | undefined): void {
  node.nowMs = nowMs ?? Number.NaN;
  if (Number.isNaN(node.nowMs)) return;
  if (node.nowMs < node.clockMs) {
    node.leaseFromMs = -Infinity;
    // Nor may the round under way, begun on the clock as it was, bring a lease into the future.
    node.reads.begunAtMs = Number.NaN;
  }
  node.clockMs = node.nowMs;
}

/** A quorum has answered heartbeats that were sent at `sentMs` or later. */
export function extendLease(node: RaftState, sentMs: number): void {
  if (node.config.leaseMs === 0 || node.hasTransferred) return;
  // Not so when the time is not known.
  if (sentMs > node.leaseFromMs) node.leaseFromMs = sentMs;
}

/** Whether this leader knows that nobody else leads. */
export function holdsLease(node: RaftState): boolean {
  const { leaseMs } = node.config;
  if (leaseMs === 0 || node.hasTransferred) return false;
  // False when the time is not known.
  return node.nowMs - node.leaseFromMs < leaseMs;
}

/** Whether this node has promised its vote to nobody for now (thesis 4.2.3). */
export function isLeased(node: RaftState): boolean {
  const { checkQuorum, electionTicks, keepsLeasePromise, leaseMs } = node.config;
  if (!checkQuorum) return false;
  if ((keepsLeasePromise || leaseMs > 0) && node.role !== 'leader') {
    return node.ticks - node.promisedTick < electionTicks;
  }
  return node.leader !== NO_NODE && node.electionElapsed < electionTicks;
}
