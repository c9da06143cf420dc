/** count, min, max, avg, sum and collect over the rows of a group. Nulls do not count. */
import type { Context } from './context.js';
import type { Evaluate, Row } from './compile.js';
import { charactersOf, keyOf, kindOf, order, type Value } from './values.js';

export const AGGREGATES: ReadonlySet<string> = new Set([
  'count',
  'min',
  'max',
  'avg',
  'sum',
  'collect',
]);

/** One aggregate of a query. */
export interface Aggregate {
  readonly name: string;
  /** Undefined for count(*). */
  readonly of: Evaluate | undefined;
  readonly isDistinct: boolean;
  readonly at: number;
}

/** One aggregate of one group. */
export class Accumulator {
  readonly #aggregate: Aggregate;
  readonly #context: Context;
  readonly #seen: Set<string> | undefined;
  #count = 0;
  #sum = 0;
  #extreme: Value = null;
  readonly #collected: Value[] = [];

  constructor(aggregate: Aggregate, context: Context) {
    this.#aggregate = aggregate;
    this.#context = context;
    this.#seen = aggregate.isDistinct ? new Set() : undefined;
  }

  take(row: Row): void {
    const { name, of } = this.#aggregate;
    if (of === undefined) {
      this.#count += 1;
      return;
    }
    const value = of(row);
    if (value === null || this.#isRepeated(value)) return;
    this.#count += 1;
    if (name === 'sum' || name === 'avg') this.#add(value);
    else if (name === 'min' || name === 'max') this.#compare(value, name === 'min' ? -1 : 1);
    else if (name === 'collect') {
      this.#context.work.hold(1, charactersOf(value));
      this.#collected.push(value);
    }
  }

  result(): Value {
    switch (this.#aggregate.name) {
      case 'count':
        return this.#count;
      case 'sum':
        return this.#sum;
      case 'avg':
        return this.#count === 0 ? null : this.#sum / this.#count;
      case 'collect':
        return this.#collected;
      default:
        return this.#extreme;
    }
  }

  #isRepeated(value: Value): boolean {
    if (this.#seen === undefined) return false;
    const key = keyOf(value);
    if (this.#seen.has(key)) return true;
    this.#context.work.hold(1, key.length);
    this.#seen.add(key);
    return false;
  }

  #add(value: Value): void {
    const { name, at } = this.#aggregate;
    if (typeof value !== 'number') {
      throw this.#context.failure('invalid', `${name}() cannot add ${kindOf(value)}`, at);
    }
    this.#sum += value;
    if (!Number.isFinite(this.#sum)) {
      throw this.#context.failure('invalid', `${name}() overflows`, at);
    }
  }

  #compare(value: Value, sense: number): void {
    const { view } = this.#context;
    if (this.#extreme === null || order(view, value, this.#extreme) * sense > 0) {
      this.#extreme = value;
    }
  }
}
