import { Violation } from './violation.js';

interface Weight {
  readonly id: string;
  readonly weight: number;
}

/**
 * The validators of each height are those of the genesis with the changes of all heights up to two
 * before, and nothing else; two heights together move at most a third of the weight; somebody is left.
 * It follows the decisions by itself.
 */
export class BftSets {
  /** What each weighs by the decisions up to a height. The first is the genesis. */
  readonly #after: ReadonlyMap<string, number>[];
  /** How much each height moved. */
  readonly #moved: number[] = [0];

  constructor(genesis: ReadonlyMap<string, number>) {
    this.#after = [genesis];
  }

  /** The weights by all that is decided. */
  get latest(): ReadonlyMap<string, number> {
    return this.#after.at(-1) as ReadonlyMap<string, number>;
  }

  /** The weights that count at a height: by the decisions up to two heights before. */
  weightsOf(height: number): ReadonlyMap<string, number> {
    const found = this.#after[Math.max(0, height - 2)];
    if (found !== undefined) return found;
    throw new Violation(
      'bft-sets',
      `height ${height} begins before height ${height - 2} is decided`,
    );
  }

  /** A height is decided, perhaps not for the first time; gives the weights by all up to it. */
  decided(height: number, changes: readonly Weight[]): ReadonlyMap<string, number> {
    const known = this.#after[height];
    if (known !== undefined) return known;
    const weights = new Map(this.#after[height - 1]);
    let moved = 0;
    for (const { id, weight } of changes) {
      moved += Math.abs(weight - (weights.get(id) ?? 0));
      if (weight > 0) weights.set(id, weight);
      else weights.delete(id);
    }
    const most = sum(this.weightsOf(height)) / 3;
    const both = moved + (this.#moved[height - 1] ?? 0);
    if (moved > 0 && both > most) {
      throw new Violation('bft-sets', `heights up to ${height} move ${both}, more than ${most}`);
    }
    if (weights.size === 0) throw new Violation('bft-sets', `nobody is left after ${height}`);
    this.#after[height] = weights;
    this.#moved[height] = moved;
    return weights;
  }

  /** `node` begins a height with these validators. */
  begins(node: string, height: number, validators: readonly Weight[]): void {
    const expected = textOf([...this.weightsOf(height)].map(([id, weight]) => ({ id, weight })));
    const found = textOf(validators);
    if (found === expected) return;
    throw new Violation(
      'bft-sets',
      `${node} begins height ${height} with ${found}, and by what is decided it is ${expected}`,
    );
  }
}

function sum(weights: ReadonlyMap<string, number>): number {
  return [...weights.values()].reduce((all, weight) => all + weight, 0);
}

function textOf(weights: readonly Weight[]): string {
  return weights
    .map(({ id, weight }) => `${id}=${weight}`)
    .sort()
    .join(' ');
}
