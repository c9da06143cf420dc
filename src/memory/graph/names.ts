/**
 * Numbers for names. Names that are known when the arrays are built are numbered in their order, so
 * that comparing two numbers compares the names; later ones follow in the order of their arrival.
 */
import { compareTexts } from './sort-in-steps.js';

export class Names {
  readonly #names: string[];
  readonly #numbers = new Map<string, number>();
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
    this.#numbers.set(this.name(number), number);
  }

  numberOf(name: string): number | undefined {
    return this.#numbers.get(name);
  }

  name(number: number): string {
    return this.#names[number] as string;
  }

  /** The number of a name, new if it has none. */
  add(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#names.length;
    this.#names.push(name);
    this.#numbers.set(name, number);
    return number;
  }

  compare(a: number, b: number): number {
    if (a < this.sortedCount && b < this.sortedCount) return a - b;
    return compareTexts(this.name(a), this.name(b));
  }
}
