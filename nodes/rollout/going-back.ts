/**
 * Ways back. Engines: every node feeds both, so that one entry takes all of them back at its index.
 * Releases: the processes have to be exchanged, so that the nodes which have switched go back through
 * steps of their own, as many at a time as may be unavailable.
 */
import { beginBackWith, beginNodes, hasSwitched, isUnavailable, moveTo } from './turns.js';
import type { Rollout } from './state.js';

export interface WayBack {
  readonly goal: 'rolledBack' | 'aborted';
  readonly reason: string;
  /** The one that was found unhealthy: it goes first, unless another batch is in the middle of its turn. */
  readonly first?: number;
}

/** Turns a rollout around, whatever its nodes are doing. */
export function goBack(rollout: Rollout, { goal, reason, first }: WayBack, nowMs: number): void {
  rollout.goal = goal;
  rollout.reason = reason;
  rollout.fenced = [];
  if (rollout.plan.form === 1) {
    rollout.status = goal;
    return;
  }
  rollout.epoch += 1;
  rollout.status = 'rollingBack';
  for (const node of rollout.nodes) {
    if (node.step === 'removed') continue;
    if (rollout.plan.kind === 'engine' || !hasSwitched(node)) {
      moveTo(rollout, node, 'pending', 'back', nowMs);
    } else if (isUnavailable(node)) {
      // In the middle of its switch it may run either release; it is cordoned already.
      moveTo(rollout, node, 'drain', 'back', nowMs);
    }
  }
  const unhealthy = rollout.nodes.find(({ nodeId }) => nodeId === first);
  if (unhealthy !== undefined) beginBackWith(rollout, unhealthy, nowMs);
  beginNodes(rollout, nowMs);
  endIfBack(rollout);
}

/** Ends the rollout when no node is left that has to go back. */
export function endIfBack(rollout: Rollout): void {
  if (rollout.status !== 'rollingBack' || rollout.nodes.some(hasSwitched)) return;
  rollout.status = rollout.goal === 'aborted' ? 'aborted' : 'rolledBack';
  rollout.epoch += 1;
}
