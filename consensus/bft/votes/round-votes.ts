import { hasCorrect } from '../quorum.js';
import type { ValidatorId, Vote, VoteType } from '../types.js';
import type { ValidatorSet } from '../validators.js';
import type { KeeperOutput } from './output.js';
import { outputKey } from './output.js';
import { VoteCount } from './vote-count.js';

/** The votes of one round. */
export class RoundVotes {
  readonly #validators: ValidatorSet;
  readonly prevotes: VoteCount;
  readonly precommits: VoteCount;
  /** What was told about this round, by key: nothing is told twice. */
  readonly emitted = new Map<string, KeeperOutput>();
  /** Who voted here, whichever way, and its weight. */
  readonly voters = new Map<ValidatorId, number>();
  #votersWeight = 0;

  constructor(validators: ValidatorSet) {
    this.#validators = validators;
    this.prevotes = new VoteCount(validators);
    this.precommits = new VoteCount(validators);
  }

  countOf(type: VoteType): VoteCount {
    return type === 'prevote' ? this.prevotes : this.precommits;
  }

  /** Notes that a validator is in this round. */
  addVoter({ from }: Vote): void {
    if (this.voters.has(from)) return;
    const weight = this.#validators.weightOf(from);
    this.voters.set(from, weight);
    this.#votersWeight += weight;
  }

  /** Whether one of those that voted here one by one is correct (Tendermint L55). */
  get hasCorrectVoter(): boolean {
    return hasCorrect(this.#votersWeight, this.#validators.totalWeight);
  }

  /** The same, with those that are known from certificates. */
  get hasCorrectMember(): boolean {
    const members = new Set([
      ...this.voters.keys(),
      ...this.prevotes.received.keys(),
      ...this.precommits.received.keys(),
    ]);
    return hasCorrect(this.#validators.weightOfAll(members), this.#validators.totalWeight);
  }

  /** Whether an output is new; it is known from then on. */
  emit(output: KeeperOutput): boolean {
    const key = outputKey(output);
    if (this.emitted.has(key)) return false;
    this.emitted.set(key, output);
    return true;
  }
}
