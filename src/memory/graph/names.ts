/**
 * Numbers for names. Names that are known when the arrays are built are numbered in their order, so
 * that comparing two numbers compares the names; later ones follow in the order of their arrival.
 */
import { compareTexts } from './sort-in-steps.js';

/** Maps that the names are spread over. */
const SHARDS = 256;

export class Names {
  readonly #names: string[];
  /** One map of a million names stands still for a tenth of a second each time that it grows. */
  readonly #numbers = Array.from({ length: SHARDS }, () => new Map<string, number>());
  /** Numbers below are in the order of the names. */
  readonly sortedCount: number;

  /** Takes sorted names; use `add` for each in that order, so that the caller can pause between. */
  constructor(sorted: string[]) {
    this.#names = sorted;
    this.sortedCount = sorted.length;
  }

  get count(): number {
    return this.#names.length;
  }

  /** Makes a sorted name known under its number. */
  index(number: number): void {
    const name = this.name(number);
    this.#shard(name).set(name, number);
  }

  numberOf(name: string): number | undefined {
    return this.#shard(name).get(name);
  }

  name(number: number): string {
    return this.#names[number] as string;
  }

  /** The number of a name, new if it has none. */
  add(name: string): number {
    const shard = this.#shard(name);
    const known = shard.get(name);
    if (known !== undefined) return known;
    const number = this.#names.length;
    this.#names.push(name);
    shard.set(name, number);
    return number;
  }

  /** Names of one kind differ near their end, where they are numbered or random. */
  #shard(name: string): Map<string, number> {
    const end = name.length - 1;
    const mixed =
      name.charCodeAt(end) * 31 + name.charCodeAt(end - 1) * 17 + name.charCodeAt(end - 2) * 7;
    return this.#numbers[mixed & (SHARDS - 1)] as Map<string, number>;
  }

  compare(a: number, b: number): number {
    if (a < this.sortedCount && b < this.sortedCount) return a - b;
    return compareTexts(this.name(a), this.name(b));
  }
}
