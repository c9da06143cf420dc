/** What makes a decision that somebody shows believed: by a validator, by a light client, in an approval. */
import {
  type SignedDecision,
  type ValidatorSet,
  type WireMessage,
  isDecision,
} from '../../consensus/bft/index.js';
import { valueIdOf } from './batch.js';
import type { SignatureChecker } from './checking.js';

/** A decision and the bytes of its value, as they lie and travel in one envelope. */
export interface ShownDecision {
  readonly decision: SignedDecision;
  readonly value: Uint8Array;
}

/** The decision and value with which the messages of an envelope begin; null if they do not. */
export function shownIn([first, second]: readonly WireMessage[]): ShownDecision | null {
  if (first?.type !== 'decision' || second?.type !== 'value') return null;
  return { decision: first.decision, value: second.bytes };
}

/** Why a decision proves nothing, in a sentence; null if these validators decided this value. */
export function unproven(
  { decision, value }: ShownDecision,
  validators: ValidatorSet,
  checker: SignatureChecker,
): string | null {
  if (valueIdOf(value) !== decision.proposal.value) return 'the votes are for another value';
  if (!isDecision(decision, validators)) {
    return 'the votes are not those of more than two thirds of those who decide';
  }
  return checker.isSigned({ type: 'decision', decision }) ? null : 'a signature is wrong';
}
