import { assert } from './errors.js';

/**
 * A named stream of random numbers: the same seed and name give the same numbers, and drawing from
 * one stream does not move another, so that a new draw in one place leaves the rest of a run alone.
 *
 * The generator is sfc32 (Chris Doty-Humphrey, PractRand), 128 bits of state, seeded through a
 * 32-bit finalizer over seed and name.
 */
export class RandomStream {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, name: string) {
    assert(Number.isSafeInteger(seed), 'a seed is a whole number');
    let hash = 0x811c9dc5;
    for (let index = 0; index < name.length; index++) {
      hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
    }
    const high = Math.floor(seed / 0x1_0000_0000);
    this.#a = mix(seed);
    this.#b = mix(high ^ 0x9e3779b9);
    this.#c = mix(hash);
    // The first outputs still show how similar two seeds are.
    for (let round = 0; round < 15; round++) this.uint32();
  }

  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** At least 0 and less than 1, with 32 bits. */
  fraction(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** True in that share of the draws; always one draw, so that streams keep step. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** A whole number from `least` to `most`, both included; their distance is below 2^32. */
  integer(least: number, most: number): number {
    assert(least <= most, 'a range has its least end first');
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  /** One of the items. */
  pick<Item>(items: readonly Item[]): Item {
    assert(items.length > 0, 'there is something to pick from');
    return items[this.integer(0, items.length - 1)]!;
  }

  /** A new array in random order (Fisher and Yates). */
  shuffle<Item>(items: readonly Item[]): Item[] {
    const shuffled = [...items];
    for (let index = shuffled.length - 1; index > 0; index--) {
      const other = this.integer(0, index);
      [shuffled[index], shuffled[other]] = [shuffled[other]!, shuffled[index]!];
    }
    return shuffled;
  }
}

/** Spreads the bits of a 32-bit number (the finalizer of MurmurHash3). */
function mix(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
