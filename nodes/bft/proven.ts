/** What makes a decision that somebody shows believed: by a validator, by a light client, in an approval. */
import {
  type AggregatedDecision,
  type SignedDecision,
  type ValidatorSet,
  type ValueId,
  type WireMessage,
  decodeMessages,
  expandDecision,
  isAggregated,
  isDecision,
} from '../../consensus/bft/index.js';
import { valueIdOf } from './batch.js';
import type { SignatureChecker } from './checking.js';
import { LARGE_VALUE_BYTES_MAX, PART_BYTES } from './limits.js';
import { PartSet, isInParts } from './parts/part-set.js';

/** A decision and the bytes of its value, as they lie and travel in one envelope. */
export interface ShownDecision {
  readonly decision: SignedDecision | AggregatedDecision;
  readonly value: Uint8Array;
}

/** An envelope of a decision, whatever its value. Throws `BftError` with code `bad-encoding`. */
export function readEnvelope(bytes: Uint8Array): readonly WireMessage[] {
  return decodeMessages(bytes, LARGE_VALUE_BYTES_MAX);
}

/** Whether a name is that of a value: its SHA-256, or what its parts make. */
export function isNameOf(id: ValueId, bytes: Uint8Array): boolean {
  if (!isInParts(id)) return valueIdOf(bytes) === id;
  return bytes.length > PART_BYTES && PartSet.of(bytes).id === id;
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
  if (!isNameOf(decision.proposal.value, value)) return 'the votes are for another value';
  return unprovenVotes(decision, validators, checker);
}

/** The same of a decision whose value is not looked at. */
export function unprovenVotes(
  decision: SignedDecision | AggregatedDecision,
  validators: ValidatorSet,
  checker: SignatureChecker,
): string | null {
  if (isAggregated(decision) !== checker.hasAggregates) {
    return 'the votes are not signed in the way of this chain';
  }
  const votes = expandDecision(decision, validators);
  if (votes === null || !isDecision(votes, validators)) {
    return 'the votes are not those of more than two thirds of those who decide';
  }
  return checker.isDecisionSigned(decision, votes) ? null : 'a signature is wrong';
}
