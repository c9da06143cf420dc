/**
 * Counts the votes of one height, and tells when a quorum, or somebody correct in a later round, is
 * behind something. Each validator counts once, and what a faulty one sends besides is evidence.
 */
import { assert } from '../error.js';
import { isQuorum } from '../quorum.js';
import type {
  Certificate,
  Height,
  Round,
  ValidatorId,
  Vote,
  VoteType,
  VotedValue,
} from '../types.js';
import type { ValidatorSet } from '../validators.js';
import { type KeeperOutput, NO_KEEPER_OUTPUT } from './output.js';
import { RoundVotes } from './round-votes.js';
import type { VoteCount } from './vote-count.js';

/** See the head of this file. */
export class VoteKeeper {
  readonly height: Height;
  readonly validators: ValidatorSet;
  readonly rounds = new Map<Round, RoundVotes>();
  readonly #evidence = new Map<string, readonly Vote[]>();

  constructor(height: Height, validators: ValidatorSet) {
    this.height = height;
    this.validators = validators;
  }

  /** Groups of votes of one validator, type and round that differ. */
  get evidence(): readonly (readonly Vote[])[] {
    return [...this.#evidence.values()];
  }

  /** Adds a vote of this height, and tells what it completes; null for one of nobody known. */
  add(vote: Vote, currentRound: Round): KeeperOutput | null {
    assert(vote.height === this.height, 'a keeper counts the votes of its height');
    if (!this.validators.has(vote.from)) return null;
    const round = this.#roundOf(vote.round);
    const count = round.countOf(vote.type);
    const doubles = count.add(vote);
    if (doubles !== null) this.#accuse(doubles);
    round.addVoter(vote);
    // Tendermint L55
    if (vote.round > currentRound && round.hasCorrectVoter) {
      const output = { type: 'skip', round: vote.round } as const;
      round.emit(output);
      return output;
    }
    const output = thresholdOf(count, vote);
    if (output.type === 'none' || !round.emit(output)) return NO_KEEPER_OUTPUT;
    return output;
  }

  /** Adds the votes of a certificate; one that proves nothing is refused with null. */
  addCertificate(certificate: Certificate): KeeperOutput | null {
    if (!this.proves(certificate)) return null;
    const [first] = certificate as readonly [Vote];
    const { type, round, value } = first;
    const doubles = this.#roundOf(round).countOf(type).addCertificate(certificate);
    for (const votes of doubles) this.#accuse(votes);
    return quorumOutput(type, round, value);
  }

  /** Whether these are votes of a quorum of this height for one value in one round, one of each. */
  proves(certificate: Certificate): boolean {
    const [first] = certificate;
    if (first === undefined || first.value === null) return false;
    const voters = new Set<ValidatorId>();
    let weight = 0;
    for (const vote of certificate) {
      const isAlike =
        vote.type === first.type && vote.round === first.round && vote.value === first.value;
      const isKnown = vote.height === this.height && this.validators.has(vote.from);
      if (!isAlike || !isKnown || voters.has(vote.from)) return false;
      voters.add(vote.from);
      weight += this.validators.weightOf(vote.from);
    }
    return isQuorum(weight, this.validators.totalWeight);
  }

  /** The votes that made an output about a value, if they are enough to convince others. */
  certificateOf(output: KeeperOutput): Certificate | null {
    if (output.type !== 'polkaValue' && output.type !== 'precommitValue') return null;
    const type = output.type === 'polkaValue' ? 'prevote' : 'precommit';
    return this.certificateFor(type, output.round, output.value);
  }

  /** The votes for a value in a round, if they are those of a quorum. */
  certificateFor(type: VoteType, round: Round, value: VotedValue): Certificate | null {
    const votes = this.rounds.get(round)?.countOf(type).votesFor(value) ?? [];
    return this.proves(votes) ? votes : null;
  }

  /** Whether a quorum voted for the value. */
  hasQuorumFor(type: VoteType, round: Round, value: VotedValue): boolean {
    return this.rounds.get(round)?.countOf(type).hasQuorumFor(value) ?? false;
  }

  /** Whether a quorum voted. */
  hasQuorumOfAny(type: VoteType, round: Round): boolean {
    return this.rounds.get(round)?.countOf(type).hasQuorumOfAny ?? false;
  }

  /** How many rounds after `round` have a vote of the validator. */
  futureRoundsOf(from: ValidatorId, round: Round): number {
    let count = 0;
    for (const [each, { voters }] of this.rounds) if (each > round && voters.has(from)) count += 1;
    return count;
  }

  #roundOf(round: Round): RoundVotes {
    const known = this.rounds.get(round);
    if (known !== undefined) return known;
    const votes = new RoundVotes(this.validators);
    this.rounds.set(round, votes);
    return votes;
  }

  #accuse(votes: readonly Vote[]): void {
    const [{ type, from, round }] = votes as readonly [Vote];
    const values = votes.map(({ value }) => (value === null ? 'nil' : `value ${value}`)).sort();
    this.#evidence.set([type, round, from, ...values].join(' '), votes);
  }
}

function thresholdOf(count: VoteCount, { type, round, value }: Vote): KeeperOutput {
  if (count.hasQuorumFor(value)) return quorumOutput(type, round, value);
  if (!count.hasQuorumOfAny) return NO_KEEPER_OUTPUT;
  return { type: type === 'prevote' ? 'polkaAny' : 'precommitAny', round };
}

function quorumOutput(type: VoteType, round: Round, value: VotedValue): KeeperOutput {
  if (type === 'prevote') {
    return value === null ? { type: 'polkaNil', round } : { type: 'polkaValue', round, value };
  }
  return value === null
    ? { type: 'precommitAny', round }
    : { type: 'precommitValue', round, value };
}
