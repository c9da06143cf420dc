/** Typed arrays that double when they are full. */
import { assert } from '../errors.js';

type Numbers = Uint8Array | Uint16Array | Uint32Array;

const CAPACITY_FIRST = 1024;

export class Growing<Held extends Numbers> {
  #held: Held;
  readonly #make: (length: number) => Held;
  #length = 0;

  constructor(make: (length: number) => Held) {
    this.#make = make;
    this.#held = make(CAPACITY_FIRST);
  }

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#held.length) this.#reserve(this.#length + 1);
    this.#held[this.#length] = value;
    this.#length += 1;
  }

  append(values: Held, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#held.length) this.#reserve(length);
    this.#held.set(values.subarray(start, end), this.#length);
    this.#length = length;
  }

  last(): number {
    assert(this.#length > 0, 'there is a last value');
    return this.#held[this.#length - 1]!;
  }

  /** A copy without what is free. */
  trimmed(): Held {
    return this.#held.slice(0, this.#length) as Held;
  }

  #reserve(length: number): void {
    const grown = this.#make(Math.max(length, this.#held.length * 2));
    grown.set(this.#held);
    this.#held = grown;
  }
}

export const growingBytes = (): Growing<Uint8Array> => new Growing((n) => new Uint8Array(n));
export const growingShorts = (): Growing<Uint16Array> => new Growing((n) => new Uint16Array(n));
export const growingWords = (): Growing<Uint32Array> => new Growing((n) => new Uint32Array(n));
