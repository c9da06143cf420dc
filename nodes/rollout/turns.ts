/** Whose turn it is: batches, the bound on nodes that are unavailable, and what follows from a step. */
import { assert } from '../assert.js';
import { hasEnded, stepsOf } from './state.js';
import { mayBegin } from './windows.js';
import type { Rollout, RolloutDirection, RolloutNode, RolloutStep } from './state.js';

const AT_REST: ReadonlySet<RolloutStep> = new Set(['pending', 'soak', 'done', 'removed']);

/** Between cordon and rejoin: other nodes carry what this one does not. */
export function isUnavailable({ step }: RolloutNode): boolean {
  return !AT_REST.has(step);
}

/** Cordoned from the end of the step `cordon` to that of `rejoin`, and in no other. */
export function isCordoned(node: RolloutNode): boolean {
  return isUnavailable(node) && node.step !== 'cordon';
}

/** Whether a node runs, or may run, what the rollout leads to. */
export function hasSwitched({ direction, step }: RolloutNode): boolean {
  return direction === 'forward'
    ? step === 'switch' || step === 'rejoin' || step === 'soak' || step === 'done'
    : step !== 'pending' && step !== 'removed';
}

function isOver({ step }: RolloutNode): boolean {
  return step === 'done' || step === 'removed';
}

/** The nodes that are left are done; with none left there is nothing to go on with. */
export function allNodesDone({ nodes }: Rollout): boolean {
  return nodes.every(isOver);
}

/** Moves a node on; every transition of a node goes through here. */
export function moveTo(
  rollout: Rollout,
  node: RolloutNode,
  step: RolloutStep,
  direction: RolloutDirection,
  nowMs: number,
): void {
  node.step = step;
  node.direction = direction;
  node.epoch += 1;
  // States of before version 5 have no room for it, and equal logs must give equal states.
  if (rollout.plan.form === 2) node.sinceMs = nowMs;
}

/** The step after the one that a node has finished. */
export function stepAfter(
  { plan, limits }: Rollout,
  { step, direction }: RolloutNode,
): RolloutStep {
  const steps = stepsOf(plan.kind, direction);
  const position = steps.indexOf(step);
  assert(position >= 0, `a node that finishes a step has one, not ${step}`);
  const next = steps[position + 1];
  if (direction === 'back') return next ?? 'pending';
  return next === undefined || (next === 'soak' && limits.soakMs === 0) ? 'done' : next;
}

/** Gives a turn to as many nodes as may be unavailable at a time. */
export function beginNodes(rollout: Rollout, nowMs: number): void {
  const { status } = rollout;
  if (status !== 'running' && status !== 'rollingBack') return;
  // A way back waits for no window.
  if (status === 'running' && !mayBegin(rollout, nowMs)) return;
  const waiting = status === 'running' ? waitingInBatch(rollout) : waitingToGoBack(rollout);
  const direction = status === 'running' ? 'forward' : 'back';
  for (const node of waiting.slice(0, freeTurns(rollout))) {
    moveTo(rollout, node, 'cordon', direction, nowMs);
  }
}

/** Gives this node the first turn back, unless nodes of another batch are in the middle of theirs. */
export function beginBackWith(rollout: Rollout, node: RolloutNode, nowMs: number): void {
  const isIdle = !rollout.nodes.some(isUnavailable);
  const isNext = isIdle ? mayTurnBack(node) : waitingToGoBack(rollout).includes(node);
  if (isNext && freeTurns(rollout) > 0) moveTo(rollout, node, 'cordon', 'back', nowMs);
}

/** Of releases the processes stop: as many as a majority of all can do without. */
export function unavailableMax(nodes: number): number {
  return Math.max(1, Math.floor((nodes - 1) / 2));
}

/**
 * Whether a majority of these voters is left whichever batch of a release stops. True when nothing is
 * going to stop; an open window holds nothing up.
 */
export function leavesMajority(rollout: Rollout | null, voters: ReadonlySet<number>): boolean {
  if (rollout === null || rollout.plan.kind !== 'release') return true;
  if (hasEnded(rollout) || rollout.status === 'finalized') return true;
  const inBatch = rollout.plan.batches.map((batch) => batch.filter((id) => voters.has(id)).length);
  const together = Math.min(rollout.limits.maxUnavailable, Math.max(...inBatch));
  return together <= unavailableMax(voters.size);
}

/** How many nodes may become unavailable now; fewer than the limit when nodes have been removed. */
function freeTurns({ nodes, limits, plan }: Rollout): number {
  const left = nodes.filter(({ step }) => step !== 'removed').length;
  const most = plan.kind === 'release' ? unavailableMax(left) : limits.maxUnavailable;
  return Math.max(0, Math.min(limits.maxUnavailable, most) - nodes.filter(isUnavailable).length);
}

/** What has not begun of the first batch that is not over. */
function waitingInBatch(rollout: Rollout): RolloutNode[] {
  const members = batchesOf(rollout).find((batch) => !batch.every(isOver)) ?? [];
  return members.filter(({ step }) => step === 'pending');
}

/**
 * What has not begun of the batch that goes back: the one that has begun, or the last that is not back;
 * in it, who switched last goes first. Of a release a batch has so many voters as can stop together,
 * whichever way it goes: nodes of two batches never stop at the same time.
 */
function waitingToGoBack(rollout: Rollout): RolloutNode[] {
  const { plan, nodes } = rollout;
  const planned = new Set(plan.batches.flat());
  // Who joined while the window was open is in no batch: one after the other, before them all.
  const joined = nodes.filter(({ nodeId }) => !planned.has(nodeId)).map((node) => [node]);
  const batches = [...batchesOf(rollout), ...joined];
  const begun = batches.find((batch) => batch.some(isUnavailable));
  const members = begun ?? batches.findLast((batch) => batch.some(hasSwitched)) ?? [];
  return members.filter(mayTurnBack).reverse();
}

function mayTurnBack(node: RolloutNode): boolean {
  return node.direction === 'forward' && !isUnavailable(node) && hasSwitched(node);
}

/** The nodes of each batch, in the order of the plan. */
function batchesOf({ plan, nodes }: Rollout): RolloutNode[][] {
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  return plan.batches.map((batch) =>
    batch.map((nodeId) => byId.get(nodeId)).filter((node) => node !== undefined),
  );
}
