import type { Decision } from './types.js';
import type { ValidatorSet } from './validators.js';
import { VoteKeeper } from './votes/keeper.js';

/**
 * Whether a decision holds, for anybody who knows the validators of its height: a quorum precommitted
 * the value that the proposer of the round proposed. Signatures are checked by the host.
 */
export function isDecision({ proposal, certificate }: Decision, validators: ValidatorSet): boolean {
  const { from, height, round, value } = proposal;
  const [first] = certificate;
  if (first === undefined || from !== validators.proposerOf(height, round)) return false;
  const isAbout = first.type === 'precommit' && first.round === round && first.value === value;
  return isAbout && new VoteKeeper(height, validators).proves(certificate);
}
