/** A small seeded generator (mulberry32), so that a load is the same for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 <= value < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** 0 <= integer < bound. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** An element of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    const element = list[this.below(list.length)];
    if (element === undefined) throw new RangeError('cannot pick from an empty list');
    return element;
  }
}
