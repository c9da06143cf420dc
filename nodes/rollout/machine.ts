/**
 * Transitions of a rollout, applied in log order on every node. Pure.
 * An entry that does not fit the state changes nothing and is answered with the reason.
 */
import type { JsonObject } from '../../src/memory/engine.js';
import { assert } from '../assert.js';
import { stepsOf } from './state.js';
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
  const order = plan.batches.flat();
  assert(order.length > 0, 'a rollout plan names at least one node');
  const nodes = order.map((nodeId): RolloutNode => ({
    nodeId,
    step: 'pending',
    direction: 'forward',
    epoch: 0,
    sinceMs: 0,
    detail: null,
  }));
  const { maxUnavailable, soakMs, notBeforeMs } = plan;
  const rollout: Rollout = {
    id,
    digest,
    plan,
    status: 'running',
    epoch: 1,
    nodes,
    startedAtMs,
    finalizedAtMs: 0,
    windowEndsMs: 0,
    limits: { maxUnavailable, soakMs },
    notBeforeMs,
    fenced: [],
    reason: '',
    goal: 'forward',
  };
  beginNextNode(rollout);
  return rollout;
}

/** The nodes that have a step to do now, each its own. */
export function nodesWithSteps(rollout: Rollout): RolloutNode[] {
  if (rollout.status !== 'running') return [];
  const node = rollout.nodes.find(({ step }) => step !== 'done');
  return node === undefined ? [] : [node];
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
  const node = nodesWithSteps(rollout).find(({ nodeId }) => nodeId === finished.nodeId);
  if (node === undefined) return 'not-your-turn';
  if (node.step !== finished.step || node.epoch !== finished.epoch) return 'stale-epoch';
  const steps = stepsOf(rollout.plan.kind, 'forward');
  const position = steps.indexOf(node.step);
  assert(position >= 0, `a node whose turn it is has a step to do, not ${node.step}`);
  const next = steps[position + 1] ?? 'done';
  node.step = next === 'soak' && rollout.limits.soakMs === 0 ? 'done' : next;
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
