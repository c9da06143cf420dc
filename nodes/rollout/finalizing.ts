/**
 * The end of a rollout: validate, fence, bump. All nodes have switched; then each acknowledges that it
 * serves as what the plan leads to; then one entry makes it final. An older node cannot act from the
 * fence on: what it says of itself is refused, and takes its acknowledgement back.
 */
import { refusalOf } from './machine.js';
import type { Rollout, RolloutNode } from './state.js';
import type { RolloutRefusal } from './transitions.js';
import { allNodesDone } from './turns.js';

/** Begins the fence. That every member is what the plan leads to is looked at by the caller. */
export function finalize(rollout: Rollout, epoch: number): RolloutRefusal | null {
  const refusal = refusalOf(rollout, 'finalize');
  if (refusal !== null) return refusal;
  if (rollout.epoch !== epoch) return 'stale-epoch';
  rollout.status = 'finalizing';
  rollout.epoch += 1;
  rollout.fenced = [];
  return null;
}

/** The nodes whose acknowledgement is missing. */
export function unfencedNodes({ nodes, fenced }: Rollout): RolloutNode[] {
  return nodes.filter(({ nodeId, step }) => step !== 'removed' && !fenced.includes(nodeId));
}

/** An acknowledgement; a second one is no error. */
export function ackFence(
  rollout: Rollout,
  { nodeId, epoch }: { readonly nodeId: number; readonly epoch: number },
): RolloutRefusal | null {
  const refusal = refusalOf(rollout, 'ackFence');
  if (refusal !== null) return refusal;
  if (rollout.epoch !== epoch) return 'stale-epoch';
  const node = rollout.nodes.find((one) => one.nodeId === nodeId);
  if (node === undefined || node.step === 'removed') return 'not-your-turn';
  if (!rollout.fenced.includes(nodeId)) rollout.fenced.push(nodeId);
  return null;
}

/** A node came back as something older: it has to acknowledge again, and earlier words are void. */
export function unfence(rollout: Rollout, nodeId: number): void {
  if (rollout.status !== 'finalizing' || !rollout.fenced.includes(nodeId)) return;
  rollout.fenced = rollout.fenced.filter((one) => one !== nodeId);
  rollout.epoch += 1;
}

/** Makes it final. It can be rolled back until the window closes, if the plan has one. */
export function raise(rollout: Rollout, nowMs: number): RolloutRefusal | null {
  if (rollout.plan.form === 1) return raiseFormer(rollout);
  const refusal = refusalOf(rollout, 'raise');
  if (refusal !== null) return refusal;
  if (unfencedNodes(rollout).length > 0) return 'fence-open';
  const { rollbackWindowMs } = rollout.plan;
  rollout.status = rollbackWindowMs === 0 ? 'completed' : 'finalized';
  rollout.epoch += 1;
  rollout.finalizedAtMs = nowMs;
  rollout.windowEndsMs = nowMs + rollbackWindowMs;
  return null;
}

/** Releases before this one had neither fence nor window. */
function raiseFormer(rollout: Rollout): RolloutRefusal | null {
  if (rollout.status !== 'running') return 'no-rollout';
  if (!allNodesDone(rollout)) return 'not-your-turn';
  rollout.status = 'completed';
  return null;
}

/** Ends the time for a rollback. `early`: an operator gives it up. */
export function closeWindow(
  rollout: Rollout,
  { epoch, early }: { readonly epoch: number; readonly early: boolean },
  nowMs: number,
): RolloutRefusal | null {
  const refusal = refusalOf(rollout, 'closeWindow');
  if (refusal !== null) return refusal;
  if (rollout.epoch !== epoch) return 'stale-epoch';
  if (!early && nowMs < rollout.windowEndsMs) return 'window-open';
  rollout.status = 'completed';
  rollout.epoch += 1;
  return null;
}

/** Who joins while the window is open goes back with the others. */
export function addNode(rollout: Rollout, nodeId: number, nowMs: number): void {
  if (rollout.status !== 'finalized' || rollout.plan.form === 1) return;
  rollout.nodes.push({
    nodeId,
    step: 'done',
    direction: 'forward',
    epoch: 1,
    sinceMs: nowMs,
    detail: null,
  });
}
