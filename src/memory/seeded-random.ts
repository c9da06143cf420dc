/** Numbers that look random and follow from a seed: weights before training, samples, orders. */

/** mulberry32 (Tommy Ettinger): 32 bits of state, enough to begin with and to shuffle by. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** At least 0 and less than 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** Fisher and Yates, in place. */
  shuffle<Item>(items: Item[]): void {
    for (let left = items.length - 1; left > 0; left -= 1) {
      const other = Math.floor(this.fraction() * (left + 1));
      [items[left], items[other]] = [items[other] as Item, items[left] as Item];
    }
  }
}
