/** Validators with their weights, and who of them proposes. */
import { BftError } from './error.js';
import {
  NAME_CHARACTERS_MAX,
  PROPOSER_PERIOD_MAX,
  TOTAL_WEIGHT_MAX,
  VALIDATORS_MAX,
} from './limits.js';
import type { Height, Round, ValidatorId } from './types.js';

/** A validator and how much its vote counts. */
export interface Validator {
  readonly id: ValidatorId;
  /** A whole number from 1 on. */
  readonly weight: number;
}

/** The validators of a height. Equal lists in any order are equal sets. */
export class ValidatorSet {
  readonly totalWeight: number;
  /** In the order of their names. */
  readonly validators: readonly Validator[];
  readonly #weights: ReadonlyMap<ValidatorId, number>;
  readonly #rotation: Rotation;

  /** Throws `BftError` with code `bad-validators` for a list that cannot work. */
  constructor(validators: readonly Validator[]) {
    checkValidators(validators);
    this.validators = validators.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    this.#weights = new Map(this.validators.map(({ id, weight }) => [id, weight]));
    this.totalWeight = validators.reduce((sum, { weight }) => sum + weight, 0);
    this.#rotation = new Rotation(this.validators);
  }

  /** 0 for somebody who is no validator. */
  weightOf(id: ValidatorId): number {
    return this.#weights.get(id) ?? 0;
  }

  /** Of all of them together; whoever is named twice counts twice. */
  weightOfAll(ids: Iterable<ValidatorId>): number {
    let weight = 0;
    for (const id of ids) weight += this.weightOf(id);
    return weight;
  }

  has(id: ValidatorId): boolean {
    return this.#weights.has(id);
  }

  /** The proposer of a round (Tendermint section 3.2): each in turn, as often as its weight. */
  proposerOf(height: Height, round: Round): ValidatorId {
    return this.#rotation.at(height + round);
  }
}

function checkValidators(validators: readonly Validator[]): void {
  if (validators.length === 0) refuse('there is no validator; name at least one');
  if (validators.length > VALIDATORS_MAX) {
    refuse(`there are ${validators.length} validators; at most ${VALIDATORS_MAX} are possible`);
  }
  let total = 0;
  const seen = new Set<ValidatorId>();
  for (const { id, weight } of validators) {
    if (id.length === 0 || id.length > NAME_CHARACTERS_MAX) {
      refuse(`a name of ${id.length} characters; use 1 to ${NAME_CHARACTERS_MAX}`);
    }
    if (seen.has(id)) refuse(`validator ${id} is named twice; add its weights up`);
    seen.add(id);
    if (!Number.isSafeInteger(weight) || weight < 1) {
      refuse(`validator ${id} has weight ${weight}; use a whole number from 1 on`);
    }
    total += weight;
  }
  if (total > TOTAL_WEIGHT_MAX) refuse(`the weights add up to ${total}; use smaller ones`);
}

function refuse(sentence: string): never {
  throw new BftError('bad-validators', sentence);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * Weighted round robin: in each slot everybody gains its weight, who has most proposes and pays the
 * total. A period of slots as long as the total has each exactly as often as its weight, evenly
 * spread. Slots are computed when they are first asked for.
 */
class Rotation {
  readonly #ids: readonly ValidatorId[];
  readonly #weights: readonly number[];
  readonly #period: number;
  readonly #priorities: number[];
  readonly #slots: ValidatorId[] = [];

  constructor(validators: readonly Validator[]) {
    const shared = validators.reduce((all, { weight }) => greatestCommonDivisor(all, weight), 0);
    this.#ids = validators.map(({ id }) => id);
    this.#weights = validators.map(({ weight }) => weight / shared);
    this.#period = this.#weights.reduce((sum, weight) => sum + weight, 0);
    this.#priorities = this.#weights.map(() => 0);
    if (this.#period > PROPOSER_PERIOD_MAX) {
      throw new BftError(
        'bad-validators',
        `the weights, divided by what they share, add up to ${this.#period}; ` +
          `round them so that they add up to at most ${PROPOSER_PERIOD_MAX}`,
      );
    }
  }

  at(slot: number): ValidatorId {
    const wanted = slot % this.#period;
    while (this.#slots.length <= wanted) this.#slots.push(this.#next());
    return this.#slots[wanted] as ValidatorId;
  }

  #next(): ValidatorId {
    let first = 0;
    for (const [i, weight] of this.#weights.entries()) {
      this.#priorities[i] = (this.#priorities[i] as number) + weight;
      if ((this.#priorities[i] as number) > (this.#priorities[first] as number)) first = i;
    }
    this.#priorities[first] = (this.#priorities[first] as number) - this.#period;
    return this.#ids[first] as ValidatorId;
  }
}
