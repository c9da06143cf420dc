/**
 * Transitions of a rollout, applied in log order on every node. Pure; `transitions.ts` has the table of
 * what is taken in which status. An entry that does not fit the state changes nothing and is answered
 * with the reason. `nowMs` is the replicated clock.
 */
import type { JsonObject } from '../../src/memory/engine.js';
import { assert } from '../assert.js';
import { endIfBack, goBack } from './going-back.js';
import { PLAN_NODES_MAX, SOAK_MS_MAX } from './limits.js';
import type {
  Rollout,
  RolloutLimits,
  RolloutNode,
  RolloutPlan,
  RolloutStatus,
  RolloutStep,
} from './state.js';
import { TRANSITIONS, type RolloutEvent, type RolloutRefusal } from './transitions.js';
import { allNodesDone, beginNodes, isUnavailable, moveTo, stepAfter } from './turns.js';
import { unavailableMax } from './turns.js';

/** A rollout whose first nodes have their first step to do, unless it is scheduled for later. */
export function startRollout(
  id: number,
  plan: RolloutPlan,
  digest: string,
  startedAtMs: number,
  nowMs: number,
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
    status: notBeforeMs === 0 ? 'running' : 'scheduled',
    epoch: 1,
    nodes,
    startedAtMs,
    finalizedAtMs: 0,
    windowEndsMs: 0,
    limits: { maxUnavailable, soakMs },
    notBeforeMs,
    openUntilMs: 0,
    fenced: [],
    reason: '',
    goal: 'forward',
  };
  beginNodes(rollout, nowMs);
  return rollout;
}

/** The nodes that have a step to do now, each its own. */
export function nodesWithSteps(rollout: Rollout): RolloutNode[] {
  switch (rollout.status) {
    case 'scheduled':
    case 'running':
    case 'paused':
    case 'rollingBack':
      return rollout.nodes.filter(isUnavailable);
    default:
      return [];
  }
}

/** What the status says to an event, before what the entry says is looked at. */
export function refusalOf(rollout: Rollout, event: RolloutEvent): RolloutRefusal | null {
  const refusal = TRANSITIONS[event][rollout.status];
  if (refusal !== null) return refusal;
  const isFormer = rollout.plan.form === 1;
  return isFormer && event !== 'finishStep' && event !== 'abort' ? 'former-rollout' : null;
}

/** The same with the epoch that the entry was made for. */
function refusalAt(rollout: Rollout, event: RolloutEvent, epoch: number): RolloutRefusal | null {
  return refusalOf(rollout, event) ?? (rollout.epoch === epoch ? null : 'stale-epoch');
}

export interface FinishedStep {
  readonly nodeId: number;
  readonly step: RolloutStep;
  readonly epoch: number;
  readonly detail: JsonObject;
}

/** Records that a node finished a step, and moves it, or the turn, on. */
export function finishStep(
  rollout: Rollout,
  finished: FinishedStep,
  nowMs: number,
): RolloutRefusal | null {
  const refusal = refusalOf(rollout, 'finishStep');
  if (refusal !== null) return refusal;
  const node = rollout.nodes.find(({ nodeId }) => nodeId === finished.nodeId);
  if (node === undefined) return 'not-your-turn';
  const { step, sinceMs } = node;
  const soaks = step === 'soak' && rollout.status === 'running';
  if (!isUnavailable(node) && !soaks) return 'not-your-turn';
  if (step !== finished.step || node.epoch !== finished.epoch) return 'stale-epoch';
  if (soaks && nowMs - sinceMs < rollout.limits.soakMs) return 'soak-not-over';
  node.detail = finished.detail;
  moveTo(rollout, node, stepAfter(rollout, node), node.direction, nowMs);
  goOn(rollout, nowMs);
  return null;
}

/** Gives turns, and ends what all nodes have ended. */
function goOn(rollout: Rollout, nowMs: number): void {
  beginNodes(rollout, nowMs);
  endIfBack(rollout);
  const { status, plan } = rollout;
  if (status === 'running' && plan.form === 2 && allNodesDone(rollout)) {
    changeStatus(rollout, 'switched');
  }
}

function changeStatus(rollout: Rollout, status: RolloutStatus): void {
  rollout.status = status;
  rollout.epoch += 1;
}

/** No node begins any more; those that are cordoned go on, so that none stays half-way. */
export function pause(
  rollout: Rollout,
  { epoch, reason }: { readonly epoch: number; readonly reason: string },
  nowMs: number,
): RolloutRefusal | null {
  const refusal = refusalAt(rollout, 'pause', epoch);
  if (refusal !== null) return refusal;
  hold(rollout, 'paused', reason, nowMs);
  return null;
}

/** Nothing begins before that time of day; goes on by itself then. */
export function postpone(
  rollout: Rollout,
  { epoch, notBeforeMs }: { readonly epoch: number; readonly notBeforeMs: number },
  nowMs: number,
): RolloutRefusal | null {
  const refusal = refusalAt(rollout, 'postpone', epoch);
  if (refusal !== null) return refusal;
  rollout.notBeforeMs = notBeforeMs;
  hold(rollout, 'scheduled', '', nowMs);
  return null;
}

/** Who has not been cordoned yet has done nothing, and waits again. */
function hold(
  rollout: Rollout,
  status: 'paused' | 'scheduled',
  reason: string,
  nowMs: number,
): void {
  for (const node of rollout.nodes) {
    if (node.step === 'cordon') moveTo(rollout, node, 'pending', 'forward', nowMs);
  }
  rollout.reason = reason;
  // It may be over when it goes on; the leader says so again.
  rollout.openUntilMs = 0;
  changeStatus(rollout, status);
}

/** By the leader, when the time of a scheduled rollout has come. */
export function begin(rollout: Rollout, epoch: number, nowMs: number): RolloutRefusal | null {
  const refusal = refusalAt(rollout, 'begin', epoch);
  if (refusal !== null) return refusal;
  goForward(rollout, nowMs);
  return null;
}

/** By the leader: until when nodes may begin, on the replicated clock; 0 when the window is over. */
export function open(
  rollout: Rollout,
  { epoch, openUntilMs }: { readonly epoch: number; readonly openUntilMs: number },
  nowMs: number,
): RolloutRefusal | null {
  const refusal = refusalAt(rollout, 'open', epoch);
  if (refusal !== null) return refusal;
  if (rollout.plan.windows.length === 0) return 'no-windows';
  rollout.openUntilMs = openUntilMs;
  rollout.epoch += 1;
  goOn(rollout, nowMs);
  return null;
}

/** Goes on with a paused rollout, and with a scheduled one at once. */
export function resume(rollout: Rollout, epoch: number, nowMs: number): RolloutRefusal | null {
  const refusal = refusalAt(rollout, 'resume', epoch);
  if (refusal !== null) return refusal;
  goForward(rollout, nowMs);
  return null;
}

/** Soaks begin anew, and what guards found before counts no more: the epochs of such nodes rise. */
function goForward(rollout: Rollout, nowMs: number): void {
  changeStatus(rollout, 'running');
  rollout.reason = '';
  for (const node of rollout.nodes) {
    const { step } = node;
    if (step === 'soak' || step === 'done') moveTo(rollout, node, step, 'forward', nowMs);
  }
  goOn(rollout, nowMs);
}

/** Changes how many nodes may be unavailable, and how long each soaks. */
export function throttle(
  rollout: Rollout,
  { epoch, maxUnavailable, soakMs }: RolloutLimits & { readonly epoch: number },
  nowMs: number,
): RolloutRefusal | null {
  const refusal = refusalAt(rollout, 'throttle', epoch);
  if (refusal !== null) return refusal;
  const isRelease = rollout.plan.kind === 'release';
  const most = isRelease ? unavailableMax(rollout.nodes.length) : PLAN_NODES_MAX;
  const isInRange =
    maxUnavailable >= 1 && maxUnavailable <= most && soakMs >= 0 && soakMs <= SOAK_MS_MAX;
  if (!isInRange) return 'invalid-limits';
  rollout.limits = { maxUnavailable, soakMs };
  rollout.epoch += 1;
  goOn(rollout, nowMs);
  return null;
}

/** Takes everything back before it is final. Of no epoch: whenever it comes, it is meant. */
export function abort(rollout: Rollout, reason: string, nowMs: number): RolloutRefusal | null {
  const refusal = refusalOf(rollout, 'abort');
  if (refusal !== null) return refusal;
  goBack(rollout, { goal: 'aborted', reason }, nowMs);
  return null;
}

/**
 * A node cannot do its step: everything goes back. Only a node whose step it is may say so, and only of
 * the epoch that the step has: one that was removed, or that was late, ends nothing.
 */
export function giveUp(
  rollout: Rollout,
  { nodeId, nodeEpoch, reason }: Halt,
  nowMs: number,
): RolloutRefusal | null {
  const refusal = refusalOf(rollout, 'giveUp');
  if (refusal !== null) return refusal;
  const node = rollout.nodes.find((one) => one.nodeId === nodeId);
  if (node === undefined || !isUnavailable(node)) return 'not-your-turn';
  if (node.epoch !== nodeEpoch) return 'stale-epoch';
  goBack(rollout, { goal: 'aborted', reason }, nowMs);
  return null;
}

/** Takes everything back, also when it is final and the window is open. */
export function rollBack(
  rollout: Rollout,
  { epoch, reason }: { readonly epoch: number; readonly reason: string },
  nowMs: number,
): RolloutRefusal | null {
  const refusal = refusalAt(rollout, 'rollback', epoch);
  if (refusal !== null) return refusal;
  goBack(rollout, { goal: 'rolledBack', reason }, nowMs);
  return null;
}

export interface Halt {
  readonly nodeId: number;
  /** Of the node when that was found: what is told of an earlier state of it counts no more. */
  readonly nodeEpoch: number;
  readonly reason: string;
}

/** What the guards of the plan say when a node is unhealthy. */
export function halt(
  rollout: Rollout,
  { nodeId, nodeEpoch, reason }: Halt,
  nowMs: number,
): RolloutRefusal | null {
  const refusal = refusalOf(rollout, 'halt');
  if (refusal !== null) return refusal;
  const { guards } = rollout.plan;
  if (guards === null) return 'no-guards';
  const node = rollout.nodes.find((one) => one.nodeId === nodeId);
  if (node === undefined || node.step === 'pending' || node.step === 'removed') {
    return 'not-your-turn';
  }
  if (node.epoch !== nodeEpoch) return 'stale-epoch';
  if (guards.action === 'pause') {
    const held = pause(rollout, { epoch: rollout.epoch, reason }, nowMs);
    // A second word about the same state of the node must not pause what was resumed since.
    if (held === null) moveTo(rollout, node, node.step, node.direction, nowMs);
    return held;
  }
  goBack(rollout, { goal: 'rolledBack', reason, first: nodeId }, nowMs);
  return null;
}

/** A node was removed from the swarm: the rollout goes on without it, in either direction. */
export function removeNode(rollout: Rollout, nodeId: number, nowMs: number): void {
  const node = rollout.nodes.find((one) => one.nodeId === nodeId);
  if (node === undefined || node.step === 'removed') return;
  moveTo(rollout, node, 'removed', node.direction, nowMs);
  const { status, nodes } = rollout;
  if (status === 'finalized') return;
  // One that goes back ends as it was meant to.
  if (status !== 'rollingBack' && nodes.every(({ step }) => step === 'removed')) {
    rollout.reason = 'every node of the rollout was removed';
    rollout.goal = 'aborted';
    changeStatus(rollout, 'aborted');
    return;
  }
  goOn(rollout, nowMs);
}
