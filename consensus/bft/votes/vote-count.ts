import { VOTES_PER_VALIDATOR_MAX } from '../limits.js';
import { isQuorum } from '../quorum.js';
import type { ValidatorId, ValueId, Vote, VotedValue } from '../types.js';
import type { ValidatorSet } from '../validators.js';

/** The votes of one type and round, counted. */
export class VoteCount {
  readonly #validators: ValidatorSet;
  /** Weight for each value that somebody voted for. */
  readonly weights = new Map<VotedValue, number>();
  /** What each validator voted, first vote first; more than one vote shows that it is faulty. */
  readonly received = new Map<ValidatorId, Vote[]>();
  /** Weight of all who voted, each counted once, whatever it voted for. */
  votedWeight = 0;

  constructor(validators: ValidatorSet) {
    this.#validators = validators;
  }

  /**
   * Counts a vote unless its validator has one counted already (two votes of one validator are not
   * two votes). Returns all votes of the validator if they differ, with this one.
   */
  add(vote: Vote): readonly Vote[] | null {
    const own = this.received.get(vote.from);
    if (own === undefined) {
      this.received.set(vote.from, [vote]);
      this.#count(vote);
      this.votedWeight += this.#validators.weightOf(vote.from);
      return null;
    }
    this.#keep(own, vote);
    return own.length > 1 ? [...own] : null;
  }

  /**
   * Takes over the votes of a certificate, and counts anew: a validator that voted for several values
   * counts for each of them, once, as in the paper, whose clauses ask for messages of a quorum.
   * Returns the votes of each validator whose vote in the certificate is not the one known.
   */
  addCertificate(certificate: readonly Vote[]): (readonly Vote[])[] {
    const doubles: (readonly Vote[])[] = [];
    for (const vote of certificate) {
      const own = this.received.get(vote.from);
      if (own === undefined) {
        this.received.set(vote.from, [vote]);
        this.votedWeight += this.#validators.weightOf(vote.from);
        continue;
      }
      const isDouble = own.some(({ value }) => value !== vote.value);
      // A quorum is behind this one: it takes the place of one of which nothing depends.
      if (own.length >= VOTES_PER_VALIDATOR_MAX && !holds(own, vote)) own.pop();
      this.#keep(own, vote);
      if (isDouble) doubles.push([...own]);
    }
    this.weights.clear();
    for (const own of this.received.values()) for (const vote of own) this.#count(vote);
    return doubles;
  }

  weightOf(value: VotedValue): number {
    return this.weights.get(value) ?? 0;
  }

  hasQuorumFor(value: VotedValue): boolean {
    return isQuorum(this.weightOf(value), this.#validators.totalWeight);
  }

  /** Whether a quorum voted, for whatever. */
  get hasQuorumOfAny(): boolean {
    return isQuorum(this.votedWeight, this.#validators.totalWeight);
  }

  /** The value that has a quorum, if one has. */
  get quorumValue(): ValueId | undefined {
    for (const value of this.weights.keys()) {
      if (value !== null && this.hasQuorumFor(value)) return value;
    }
    return undefined;
  }

  /** Every vote for a value, of each validator at most one. */
  votesFor(value: VotedValue): Vote[] {
    const votes: Vote[] = [];
    for (const own of this.received.values()) {
      const vote = own.find((each) => each.value === value);
      if (vote !== undefined) votes.push(vote);
    }
    return votes;
  }

  #count({ from, value }: Vote): void {
    this.weights.set(value, this.weightOf(value) + this.#validators.weightOf(from));
  }

  #keep(own: Vote[], vote: Vote): void {
    if (own.length < VOTES_PER_VALIDATOR_MAX && !holds(own, vote)) own.push(vote);
  }
}

function holds(votes: readonly Vote[], { value }: Vote): boolean {
  return votes.some((each) => each.value === value);
}
