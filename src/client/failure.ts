/** What a failed attempt means for the request that made it, and for the member that it went to. */

import { RpcError } from '../../transport/rpc/rpc.js';
import { AVOID_CORDONED_MS, AVOID_OVERLOADED_MS } from './limits.js';

export interface Verdict {
  /** False when another attempt cannot end otherwise. */
  readonly retry: boolean;
  /** True when the request may have had its effect although no answer came. */
  readonly uncertain: boolean;
  /** True when the member may be gone, so that a heartbeat must decide. */
  readonly suspect: boolean;
  /** True when asking the next member at once is as useless as asking the same one again. */
  readonly wait: boolean;
  /** True when the current leader would have answered. */
  readonly wantsLeader: boolean;
  /** For how long the member is asked last, in milliseconds. */
  readonly avoidMs: number;
}

const FINAL: Verdict = {
  retry: false,
  uncertain: false,
  suspect: false,
  wait: false,
  wantsLeader: false,
  avoidMs: 0,
};

const RETRY: Verdict = { ...FINAL, retry: true };

/** Reasons of a refusal that passes, and how each is met. */
const PASSING_REASONS: Readonly<Record<string, Verdict>> = {
  'not-leader': { ...RETRY, wantsLeader: true },
  'no-leader': { ...RETRY, wait: true },
  // The node proposed it and was deposed before it could learn the fate of the entry.
  'leader-changed': { ...RETRY, uncertain: true, wait: true },
  // A stopping node gives up proposals whose entries may still be committed.
  stopping: { ...RETRY, uncertain: true, avoidMs: AVOID_CORDONED_MS },
  stopped: { ...RETRY, uncertain: true, avoidMs: AVOID_CORDONED_MS },
  cordoned: { ...RETRY, avoidMs: AVOID_CORDONED_MS },
};

/** Judges what an attempt was rejected with. */
export function judgeFailure(error: unknown): Verdict {
  if (!(error instanceof RpcError)) return FINAL;
  switch (error.code) {
    case 'unavailable':
    case 'deadline-exceeded':
      return { ...RETRY, uncertain: true, suspect: true };
    case 'cancelled':
      // Our own cancellation is seen before this is asked: a node that shuts down resets its calls.
      return { ...RETRY, uncertain: true };
    case 'too-early':
      return RETRY;
    case 'overloaded':
      return { ...RETRY, wait: true, avoidMs: AVOID_OVERLOADED_MS };
    case 'refused':
      return PASSING_REASONS[error.reason ?? ''] ?? FINAL;
    case 'unauthenticated':
    case 'permission-denied':
    case 'unknown-method':
    case 'internal':
      return FINAL;
    case 'malformed':
      // An address that cannot be dialled is the member's fault, and another has one that can.
      return error.reason === 'bad-option' ? RETRY : FINAL;
  }
}
