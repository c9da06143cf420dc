/** `rollout start --approve bft`: gathers what the members vote, and starts the rollout with the proof. */
import { setTimeout as pause } from 'node:timers/promises';

import { APPROVERS_MIN, ASK_INTERVAL_MS, GATHER_MS_MAX } from '../approval/limits.js';
import type { ApprovalAnswer } from '../approval/messages.js';
import type { ApprovalValue } from '../approval/value.js';
import { messageOf } from '../errors.js';
import type { SwarmNode } from '../node.js';
import type { RolloutPlan } from '../rollout/state.js';
import { requireFeature } from './required-feature.js';
import { refusal, requireAllUp, requireDigest, submitted } from './rollout-starting.js';

interface Asked {
  /** Of the plan that somebody has looked at. */
  readonly digest: string | undefined;
  /** Peer id of who asks. */
  readonly by: string;
  readonly timeoutMs: number;
  planned(): Promise<{ readonly plan: RolloutPlan; readonly digest: string }>;
}

/** Refused with `approval-pending` and who is missing while too few have voted: then it is asked again. */
export async function startApproved(
  node: SwarmNode,
  { digest: wanted, by, timeoutMs, planned }: Asked,
): Promise<object> {
  requireFeature(node, 'approvals');
  await node.driver.readBarrier();
  requireEnough(node);
  // Also when the leader has changed since: what members vote for stays one plan.
  const known = wanted === undefined ? undefined : node.approvals.known(wanted);
  const { plan, digest } = known ?? (await planned());
  requireDigest(wanted, digest);
  const { swarmId, peerId } = node.file;
  const after = node.control.rollout?.id ?? 0;
  // Who shows the key of this very node is its operator.
  if (by === peerId) await node.approvals.allow(digest);
  const value: ApprovalValue = { swarmId, after, digest, plan };
  const approval = await gathered(node, value, Math.min(timeoutMs / 2, GATHER_MS_MAX));
  // Who says that it is down keeps nothing from being approved.
  requireAllUp(node);
  const startedAtMs = Date.now();
  const command = { type: 'startRollout', plan, digest, startedAtMs, after, approval } as const;
  return submitted(node, command, timeoutMs);
}

function requireEnough(node: SwarmNode): void {
  const { size } = node.control.members;
  if (size >= APPROVERS_MIN) return;
  throw refusal(
    'too-few-members',
    `a swarm of ${size} cannot do without a member that is faulty in any way; --approve bft needs ` +
      `${APPROVERS_MIN} members at least`,
  );
}

/** Asks all until one of them shows a certificate that holds here, or the time is over. */
async function gathered(
  node: SwarmNode,
  value: ApprovalValue,
  withinMs: number,
): Promise<Uint8Array> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const answers = await askAll(node, value);
    for (const { certificate } of answers.values()) {
      const approved = certificate === null ? undefined : verified(node, certificate);
      if (certificate === null || approved === undefined) continue;
      if (approved.digest === value.digest) return certificate;
      throw refusal(
        'other-approved',
        `the members have approved the plan ${approved.digest} as the next rollout, and approve one: ` +
          'start that one with --digest (and abort it if it is not wanted any more)',
      );
    }
    if (performance.now() + ASK_INTERVAL_MS > deadlineMs) {
      throw refusal('approval-pending', pendingText(value, answers));
    }
    await pause(ASK_INTERVAL_MS);
  }
}

function verified(node: SwarmNode, certificate: Uint8Array): ApprovalValue | undefined {
  try {
    return node.approvals.verify(certificate);
  } catch {
    return undefined;
  }
}

/** What each member says, by node id. */
async function askAll(
  node: SwarmNode,
  value: ApprovalValue,
): Promise<ReadonlyMap<number, ApprovalAnswer>> {
  const own = await node.approvals.propose(value);
  const others = [...node.control.members.keys()].filter((id) => id !== node.file.nodeId);
  const answers = await Promise.all(
    others.map(async (nodeId): Promise<[number, ApprovalAnswer]> => {
      try {
        return [nodeId, await node.approvals.ask(nodeId, value)];
      } catch (error) {
        return [nodeId, { state: 'refused', reason: messageOf(error), certificate: null }];
      }
    }),
  );
  return new Map([[node.file.nodeId, own], ...answers]);
}

function pendingText(
  { digest }: ApprovalValue,
  answers: ReadonlyMap<number, ApprovalAnswer>,
): string {
  const others = [...answers].filter(([, { state }]) => state !== 'voting' && state !== 'decided');
  const needed = Math.floor((2 * answers.size) / 3) + 1;
  const said = others.map(([nodeId, { reason }]) => `node ${nodeId}: ${reason}`);
  return (
    `${answers.size - others.length} of ${answers.size} members vote for the plan ${digest}, ${needed} ` +
    `have to; ${said.join('; ')}`
  );
}
