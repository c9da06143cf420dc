/** Rollouts that are brought where a test needs them, by the entries that bring them there. */
import { ackFence, finalize, raise } from '../../../nodes/rollout/finalizing.js';
import {
  abort,
  finishStep,
  nodesWithSteps,
  pause,
  rollBack,
  startRollout,
} from '../../../nodes/rollout/machine.js';
import { makePlan } from '../../../nodes/rollout/plan.js';
import type { PlanOptions } from '../../../nodes/rollout/plan.js';
import { stepsOf } from '../../../nodes/rollout/state.js';
import type { Rollout, RolloutStatus, RolloutStep } from '../../../nodes/rollout/state.js';
import { closeWindow } from '../../../nodes/rollout/finalizing.js';

export const RELEASE = {
  from: { name: 'from', digest: 'f', commandVersion: 5 },
  to: { name: 'to', digest: 't', commandVersion: 5 },
};

/** Of nodes 1 to `nodes`, in this order. */
export function started(nodes: number, options: PlanOptions = {}, nowMs = 0): Rollout {
  const members = Array.from({ length: nodes }, (_, i) => ({ nodeId: i + 1 }));
  return startRollout(7, makePlan(members, nodes, options), 'digest', 1, nowMs);
}

/** Ends the step of a node; throws unless it is taken. */
export function finish(rollout: Rollout, nodeId: number, nowMs = 0): void {
  const node = rollout.nodes.find((one) => one.nodeId === nodeId);
  if (node === undefined) throw new Error(`node ${nodeId} is in the rollout`);
  const { step, epoch } = node;
  const refusal = finishStep(rollout, { nodeId, step, epoch, detail: { step } }, nowMs);
  if (refusal !== null) throw new Error(`${step} of node ${nodeId} is refused: ${refusal}`);
}

/** Ends steps of a node until it has `step` to do. */
export function bringTo(rollout: Rollout, nodeId: number, step: RolloutStep, nowMs = 0): void {
  for (let i = 0; stepOf(rollout, nodeId) !== step; i += 1) {
    if (i > 20) throw new Error(`node ${nodeId} does not come to ${step}`);
    finish(rollout, nodeId, nowMs);
  }
}

/** Steps of all nodes in the order of the plan, `<` behind one that goes back. */
export const steps = ({ nodes }: Rollout): string =>
  nodes.map(({ step, direction }) => step + (direction === 'back' ? '<' : '')).join(' ');

/** Ids of the nodes that have a step to do. */
export const busy = (rollout: Rollout): number[] =>
  nodesWithSteps(rollout).map(({ nodeId }) => nodeId);

export function stepOf({ nodes }: Rollout, nodeId: number): RolloutStep | undefined {
  return nodes.find((node) => node.nodeId === nodeId)?.step;
}

/** All nodes with steps end them, again and again, until there is none. */
export function finishAll(rollout: Rollout, nowMs = 0): void {
  for (let node = nodesWithSteps(rollout)[0]; node !== undefined;) {
    finish(rollout, node.nodeId, nowMs);
    [node] = nodesWithSteps(rollout);
  }
}

/** Two nodes of a release rollout with a window of a second, in every status. */
export const IN_STATUS: Readonly<Record<RolloutStatus, () => Rollout>> = {
  scheduled: () => started(2, { release: RELEASE, rollbackWindowMs: 1_000, notBeforeMs: 1_000 }),
  running: () => started(2, { release: RELEASE, rollbackWindowMs: 1_000 }),
  paused() {
    const rollout = IN_STATUS.running();
    bringTo(rollout, 1, 'validate');
    pause(rollout, { epoch: rollout.epoch, reason: 'why' }, 0);
    return rollout;
  },
  switched() {
    const rollout = IN_STATUS.running();
    finishAll(rollout);
    return rollout;
  },
  finalizing() {
    const rollout = IN_STATUS.switched();
    finalize(rollout, rollout.epoch);
    return rollout;
  },
  finalized() {
    const rollout = IN_STATUS.finalizing();
    for (const nodeId of [1, 2]) ackFence(rollout, { nodeId, epoch: rollout.epoch });
    raise(rollout, 0);
    return rollout;
  },
  completed() {
    const rollout = IN_STATUS.finalized();
    closeWindow(rollout, { epoch: rollout.epoch, early: true }, 0);
    return rollout;
  },
  rollingBack() {
    const rollout = IN_STATUS.switched();
    rollBack(rollout, { epoch: rollout.epoch, reason: 'why' }, 0);
    return rollout;
  },
  rolledBack() {
    const rollout = IN_STATUS.rollingBack();
    finishAll(rollout);
    return rollout;
  },
  aborted() {
    const rollout = IN_STATUS.running();
    abort(rollout, 'why', 0);
    return rollout;
  },
};

/** Every step that a node of a kind can have to do, forward. */
export const forwardSteps = (kind: 'engine' | 'release'): readonly RolloutStep[] =>
  stepsOf(kind, 'forward');
