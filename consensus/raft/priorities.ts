/** Who should lead: as in the priorities of MongoDB and TiKV, a preference and no condition. */
import type { RaftState } from './state.js';
import { transferLeadership } from './transfer.js';
import { allVoters } from './tracker/membership.js';
import { NO_NODE, type NodeId } from './types.js';

/** Election timeouts between two attempts to hand over to a preferred node. */
const ATTEMPT_INTERVAL = 4;

/**
 * The voter that should lead instead: preferred first, then with the longest log; or `NO_NODE`. If
 * `mustBeActive`, one that has answered since the last quorum check.
 */
export function bestSuccessor(node: RaftState, mustBeActive: boolean): NodeId {
  let best = NO_NODE;
  let bestMatch = -1;
  for (const id of allVoters(node.group.members)) {
    const member = node.group.progress.get(id);
    if (id === node.id || member === undefined) continue;
    if (mustBeActive && !member.recentActive) continue;
    if (member.state !== 'replicate' || member.match < node.log.commit) continue;
    const isPreferred = best === NO_NODE || node.priorityOf(id) > node.priorityOf(best);
    const isEqual = best !== NO_NODE && node.priorityOf(id) === node.priorityOf(best);
    if (isPreferred || (isEqual && member.match > bestMatch)) {
      best = id;
      bestMatch = member.match;
    }
  }
  return best;
}

/**
 * Called once an election timeout on a leader, before it forgets who was active: hands over to a
 * preferred voter that is ready.
 */
export function handOverIfDue(node: RaftState): void {
  if (node.priorities.size === 0 || node.transferTarget !== NO_NODE) return;
  const turn = Math.floor(node.ticks / node.config.electionTicks);
  // A target that cannot take over must not keep the leader from taking proposals for ever.
  if (node.hasTransferred && turn % ATTEMPT_INTERVAL !== 0) return;
  const best = bestSuccessor(node, true);
  if (best === NO_NODE || node.priorityOf(best) <= node.priorityOf(node.id)) return;
  transferLeadership(node, best);
}
