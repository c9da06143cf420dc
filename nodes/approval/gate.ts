/**
 * Whether this node takes part in a rollout: judged by what it knows itself, whatever the log says. A
 * rollout that it refuses is one in which it never moves, so that it has nothing to go back from either.
 */
import { messageOf, NodeError } from '../errors.js';
import type { Rollout } from '../rollout/state.js';
import { verifyApproval } from './certificate.js';
import type { ApprovalSettings } from './settings.js';
import { planDigest } from './value.js';

export interface Judge {
  readonly swarmId: string;
  /** Peer ids whose votes count here. */
  readonly trusted: readonly string[];
  readonly settings: Pick<ApprovalSettings, 'requiredAfter' | 'votedAfter'>;
}

/** Whether nothing asks for an approval of this rollout, here or in its entry. */
export function needsNone(
  { id, approval }: Rollout,
  { requiredAfter, votedAfter }: Judge['settings'],
): boolean {
  return approval === undefined && !isAfter(id, requiredAfter) && !isAfter(id, votedAfter);
}

function isAfter(id: number, before: number | null): boolean {
  return before !== null && id > before;
}

/** Why this node takes no part in the rollout, in a sentence, or null. */
export function approvalRefusal(
  rollout: Rollout,
  { swarmId, trusted, settings }: Judge,
): string | null {
  if (needsNone(rollout, settings)) return null;
  const { id, approval, digest, plan } = rollout;
  if (approval === undefined) {
    return isAfter(id, settings.requiredAfter)
      ? 'this node takes part only in rollouts that the members have approved, and this one has no ' +
          'approval: start it with --approve bft'
      : 'this node has voted for the rollout that comes now, and this one has no approval: somebody ' +
          'has left it out, or started another one';
  }
  try {
    const { certificate, after } = approval;
    const { value } = verifyApproval(certificate, { swarmId, after, members: trusted, digest });
    return value.digest === planDigest(plan) ? null : 'the approval is of another plan';
  } catch (error) {
    if (error instanceof NodeError) return messageOf(error);
    throw error;
  }
}
