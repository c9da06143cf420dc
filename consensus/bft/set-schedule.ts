/**
 * Which validators a height has. What height h decides counts from height h + 2 on, as in CometBFT
 * (spec/abci, "Updating the Validator Set"): while h + 1 is decided its validators are known already.
 *
 *     height      1        2        3              h               h + 2
 *     set      genesis  genesis  by height 1  ...  by height h-2   by height h
 *
 * At most a third of the weight moves in a step: what heights h - 1 and h change, each addition and
 * each subtraction counted, is at most a third of the weight of those who decide h. Then a quorum of
 * height h + 2 holds more than a third of the weight of height h, so that one correct validator of
 * height h at least is in it: with i added and d taken from n, i + d <= n / 3, a quorum has more than
 * 2 / 3 (n + i - d) in the new set, and in the old at least i less, which is 4 / 9 n or more. It is
 * what a light client of CometBFT asks for with its trust level of 1 / 3.
 */
import { BftError, assert } from './error.js';
import { CHANGES_PER_HEIGHT_MAX, TOTAL_WEIGHT_MAX } from './limits.js';
import type { Height, ValidatorId } from './types.js';
import { ValidatorSet } from './validators.js';

/** What a validator is to weigh. 0 removes it; one that is not there is added. */
export interface WeightChange {
  readonly id: ValidatorId;
  readonly weight: number;
}

/** All that a schedule is, so that it can be taken up by somebody who has not seen the decisions. */
export interface ScheduleState {
  readonly decided: Height;
  /** Of the height after the last decision, and of the one after it. */
  readonly present: ValidatorSet;
  readonly coming: ValidatorSet;
  /** What the last height moved. */
  readonly movedBefore: number;
  /** The height from which on each of the coming set has had weight, without a break. */
  readonly since: ReadonlyMap<ValidatorId, Height>;
}

/** See the head of this file. */
export class SetSchedule {
  #decided: Height = 0;
  #present: ValidatorSet;
  #coming: ValidatorSet;
  /** What the last height moved, which is not in the present set yet. */
  #movedBefore = 0;
  /** The height from which on each of the coming set has had weight, without a break. */
  readonly #since = new Map<ValidatorId, Height>();

  constructor(genesis: ValidatorSet) {
    this.#present = genesis;
    this.#coming = genesis;
    for (const { id } of genesis.validators) this.#since.set(id, 1);
  }

  /** Goes on where another one stood. */
  static restore(state: ScheduleState): SetSchedule {
    const schedule = new SetSchedule(state.present);
    schedule.#decided = state.decided;
    schedule.#coming = state.coming;
    schedule.#movedBefore = state.movedBefore;
    schedule.#since.clear();
    for (const [id, height] of state.since) {
      assert(state.coming.has(id), 'who has had weight since some height has it still');
      schedule.#since.set(id, height);
    }
    assert(
      schedule.#since.size === state.coming.validators.length,
      'each has it since some height',
    );
    return schedule;
  }

  get state(): ScheduleState {
    return {
      decided: this.#decided,
      present: this.#present,
      coming: this.#coming,
      movedBefore: this.#movedBefore,
      since: new Map(this.#since),
    };
  }

  /** The last height whose changes are known. */
  get decided(): Height {
    return this.#decided;
  }

  /** The validators of the height under way, or of the one after it. */
  at(height: Height): ValidatorSet {
    const isNear = height === this.#decided + 1 || height === this.#decided + 2;
    assert(isNear, 'a set is known two heights after the last decision, and no further');
    return height === this.#decided + 1 ? this.#present : this.#coming;
  }

  /** The set that all decisions lead to: of the height after the one under way. */
  get coming(): ValidatorSet {
    return this.#coming;
  }

  /**
   * Whether two messages of this height prove that a validator is to be removed now: it has weight
   * still, and had it then. What it did before it was removed and came back is paid for.
   */
  canAccuse(id: ValidatorId, height: Height): boolean {
    const since = this.#since.get(id);
    return since !== undefined && height >= since && height <= this.#decided + 1;
  }

  /** Why the height under way cannot decide these changes, in a sentence; null if it can. */
  refusal(changes: readonly WeightChange[]): string | null {
    const { weights, moved, refusal } = this.#apply(changes);
    if (refusal !== null) return refusal;
    const most = this.#present.totalWeight;
    const all = this.#movedBefore + moved;
    if (moved > 0 && 3 * all > most) {
      return (
        `it moves weight ${moved}, with ${this.#movedBefore} of the height before; ` +
        `at most a third of ${most} may move in two heights: go in smaller steps`
      );
    }
    try {
      return new ValidatorSet(weights).totalWeight > 0 ? null : 'nobody is left';
    } catch (error) {
      if (error instanceof BftError) return error.message;
      throw error;
    }
  }

  /** Goes on behind the height under way. Throws `BftError` (`bad-validators`) if it cannot be. */
  decide(changes: readonly WeightChange[]): void {
    const refusal = this.refusal(changes);
    if (refusal !== null) throw new BftError('bad-validators', refusal);
    const { weights, moved } = this.#apply(changes);
    const next = changes.length === 0 ? this.#coming : new ValidatorSet(weights);
    this.#present = this.#coming;
    this.#coming = next;
    this.#movedBefore = moved;
    this.#decided += 1;
    for (const { id, weight } of changes) {
      if (weight === 0) this.#since.delete(id);
      else if (!this.#since.has(id)) this.#since.set(id, this.#decided + 2);
    }
  }

  #apply(changes: readonly WeightChange[]): {
    readonly weights: readonly WeightChange[];
    readonly moved: number;
    readonly refusal: string | null;
  } {
    const weights = new Map(this.#coming.validators.map(({ id, weight }) => [id, weight]));
    const changed = new Set<ValidatorId>();
    let moved = 0;
    let refusal: string | null = null;
    if (changes.length > CHANGES_PER_HEIGHT_MAX) {
      refusal = `${changes.length} changes at once; at most ${CHANGES_PER_HEIGHT_MAX} can be`;
    }
    for (const { id, weight } of changes) {
      const before = weights.get(id) ?? 0;
      if (!Number.isSafeInteger(weight) || weight < 0 || weight > TOTAL_WEIGHT_MAX) {
        refusal ??= `validator ${id} is to have weight ${weight}; use a whole number from 0 on`;
      }
      if (changed.has(id)) refusal ??= `validator ${id} is changed twice in one height`;
      if (weight === 0 && before === 0) refusal ??= `${id} is no validator: it has no weight`;
      changed.add(id);
      moved += Math.abs(weight - before);
      if (weight === 0) weights.delete(id);
      else weights.set(id, weight);
    }
    return { weights: [...weights].map(([id, weight]) => ({ id, weight })), moved, refusal };
  }
}
