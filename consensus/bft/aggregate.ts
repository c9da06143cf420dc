/**
 * Decisions whose precommits share one signature (BLS). Who has signed it is a bitmap over the validators
 * of the height, in the order of their names: each has one bit, so that nobody counts twice. Whether the
 * signature holds is the host's to check, by the keys of those.
 */
import { bitmapOf, hasBit, isBitmapOf, setBit } from '../bitmap.js';
import { type AggregatedDecision, type SignedDecision, isAggregated } from './codec.js';
import type { Certificate, Decision, ValidatorId, Vote } from './types.js';
import type { ValidatorSet } from './validators.js';

/** A precommit that an aggregated decision stands for: in place of a signature it has that. */
export interface AggregatedVote extends Vote {
  readonly aggregated: AggregatedDecision;
}

/** An aggregated decision as the core takes it, and hands it on. */
export interface ExpandedDecision extends Decision {
  readonly certificate: readonly AggregatedVote[];
  readonly aggregated: AggregatedDecision;
}

/**
 * A decision for the core: an aggregated one with the precommits that its bitmap stands for, null if that
 * is not of this set; another one as it is.
 */
export function expandDecision(
  decision: SignedDecision | AggregatedDecision,
  { validators }: ValidatorSet,
): SignedDecision | ExpandedDecision | null {
  if (!isAggregated(decision)) return decision;
  const { proposal, signers } = decision;
  if (!isBitmapOf(signers, validators.length)) return null;
  const certificate = validators
    .filter((_, at) => hasBit(signers, at))
    .map(({ id: from }) => precommitOf(decision, from));
  return { proposal, certificate, aggregated: decision };
}

/** What one of those who have signed an aggregated decision has said. */
export function precommitOf(aggregated: AggregatedDecision, from: ValidatorId): AggregatedVote {
  const { height, round, value } = aggregated.proposal;
  return { type: 'precommit', from, height, round, value, aggregated };
}

/** The bitmap of those who voted. */
export function signersOf(votes: Certificate, { validators }: ValidatorSet): Uint8Array {
  const voters = new Set(votes.map(({ from }) => from));
  const bitmap = bitmapOf(validators.length);
  for (const [at, { id }] of validators.entries()) if (voters.has(id)) setBit(bitmap, at);
  return bitmap;
}
