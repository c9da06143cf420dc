/** Leadership transfer: thesis 3.10. */
import type { RaftRefusal } from './input.js';
import { sendAppend } from './replication.js';
import type { RaftState } from './state.js';
import { isVoter } from './tracker/membership.js';
import { NO_NODE, type NodeId } from './types.js';

/**
 * Hands leadership to `to`: no proposal is taken any more, `to` is brought up to date and told to
 * campaign at once. Given up if it has not led within an election timeout.
 */
export function transferLeadership(node: RaftState, to: NodeId): RaftRefusal | undefined {
  if (node.role !== 'leader') {
    if (node.leader === NO_NODE) return 'not-leader';
    node.send({ type: 'transferLeader', to: node.leader, index: to });
    return undefined;
  }
  const { term } = node;
  const target = node.group.progress.get(to);
  if (target === undefined || !isVoter(node.group.members, to)) return 'not-voter';
  if (node.transferTarget === to) {
    node.trace?.({ type: 'transferRepeated', to, term });
    return undefined;
  }
  if (node.transferTarget !== NO_NODE) {
    node.trace?.({ type: 'transferReplaced', to: node.transferTarget, term });
    node.transferTarget = NO_NODE;
  }
  if (to === node.id) return undefined;
  node.trace?.({ type: 'transferStarted', to, term });
  // The election timeout from now on is the time the target has.
  node.electionElapsed = 0;
  node.transferTarget = to;
  node.hasTransferred = true;
  if (target.match === node.log.lastIndex) {
    node.send({ type: 'timeoutNow', to });
    node.trace?.({ type: 'timeoutNowSent', to, caughtUpAlready: true });
  } else {
    sendAppend(node, to, true);
  }
  return undefined;
}
