/**
 * Transitions of a rollout, applied in log order on every node. Pure.
 * An entry that does not fit the state changes nothing and is answered with the reason.
 */
import type { JsonObject } from '../../src/memory/engine.js';
import { assert } from '../assert.js';
import { ROLLOUT_STEPS } from './state.js';
import type { Rollout, RolloutNode, RolloutPlan, RolloutStep } from './state.js';

export type RolloutRefusal =
  | 'rollout-running'
  | 'already-v2'
  | 'plan-outdated'
  | 'no-rollout'
  | 'stale-epoch'
  | 'not-your-turn';

/** A rollout whose first node has its first step to do. */
export function startRollout(
  id: number,
  plan: RolloutPlan,
  digest: string,
  startedAtMs: number,
): Rollout {
  assert(plan.order.length > 0, 'a rollout plan names at least one node');
  const nodes = plan.order.map((nodeId): RolloutNode => ({
    nodeId,
    step: 'pending',
    epoch: 0,
    detail: null,
  }));
  const rollout: Rollout = {
    id,
    digest,
    from: plan.from,
    to: plan.to,
    status: 'running',
    nodes,
    startedAtMs,
    reason: '',
  };
  beginNextNode(rollout);
  return rollout;
}

/** The node whose turn it is, or undefined when all are done or none may go on. */
export function currentNode(rollout: Rollout): RolloutNode | undefined {
  if (rollout.status !== 'running') return undefined;
  return rollout.nodes.find((node) => node.step !== 'done');
}

export function allNodesDone(rollout: Rollout): boolean {
  return rollout.nodes.every((node) => node.step === 'done');
}

export interface FinishedStep {
  readonly rolloutId: number;
  readonly nodeId: number;
  readonly step: RolloutStep;
  readonly epoch: number;
  readonly detail: JsonObject;
}

/** Records that a node finished a step, and moves it, or the turn, on. */
export function finishStep(rollout: Rollout, finished: FinishedStep): RolloutRefusal | undefined {
  if (rollout.id !== finished.rolloutId || rollout.status !== 'running') return 'no-rollout';
  const node = currentNode(rollout);
  if (node === undefined || node.nodeId !== finished.nodeId) return 'not-your-turn';
  if (node.step !== finished.step || node.epoch !== finished.epoch) return 'stale-epoch';
  const position = ROLLOUT_STEPS.indexOf(node.step);
  assert(position >= 0, `a node whose turn it is has a step to do, not ${node.step}`);
  node.step = ROLLOUT_STEPS[position + 1] ?? 'done';
  node.epoch += 1;
  node.detail = finished.detail;
  if (node.step === 'done') beginNextNode(rollout);
  return undefined;
}

/** Gives the turn to the first node that is still pending. */
function beginNextNode(rollout: Rollout): void {
  const next = rollout.nodes.find((node) => node.step !== 'done');
  if (next === undefined) return;
  assert(next.step === 'pending', 'only one node migrates at a time');
  next.step = 'cordon';
  next.epoch += 1;
}
