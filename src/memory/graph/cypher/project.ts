/** What a query answers: columns, groups, order, SKIP and LIMIT. */
import { sortInSteps } from '../sort-in-steps.js';
import { Accumulator, AGGREGATES, type Aggregate } from './aggregates.js';
import { compile, type Evaluate, type Row, type Scope } from './compile.js';
import type { Context } from './context.js';
import { type Expression, partsOf, type Query } from './syntax.js';
import { charactersOf, keyOf, kindOf, order, type Value } from './values.js';

interface Held {
  readonly columns: Value[];
  /** Values to sort by. */
  readonly sort: Value[];
}

interface Group {
  readonly keys: Value[];
  readonly accumulators: Accumulator[];
}

/** Takes the rows of the pattern and gives those of the answer. */
export class Projection {
  readonly #context: Context;
  readonly #query: Query;
  readonly #items: Evaluate[];
  readonly #isKey: boolean[];
  readonly #aggregates: Aggregate[] = [];
  readonly #sort: Evaluate[];
  readonly #groups = new Map<string, Group>();
  readonly #seen = new Set<string>();
  readonly #held: Held[] = [];
  readonly #skip: number;
  readonly #limit: number;
  /** Where aggregates, then columns, stand in the rows that sort expressions see. */
  readonly #slots: number;

  constructor(query: Query, scope: Scope, context: Context) {
    this.#context = context;
    this.#query = query;
    this.#slots = scope.slots.size;
    this.#isKey = query.items.map(({ expression }) => !hasAggregate(expression));
    this.#items = query.items.map(({ expression }, at) =>
      compile(expression, this.#isKey[at] === true ? scope : this.#aggregating(scope), context),
    );
    const shapes =
      query.sort.length === 0 ? [] : query.items.map((item) => shapeOf(item.expression));
    this.#sort = query.sort.map(({ expression }) => this.#sortKey(expression, shapes, scope));
    this.#skip = this.#wholeNumber(query.skip, 'SKIP') ?? 0;
    this.#limit = this.#wholeNumber(query.limit, 'LIMIT') ?? Infinity;
  }

  /** Whether no row at all is wanted. */
  get isSatisfied(): boolean {
    return (
      this.#limit === 0 ||
      (!this.#isGrouped && this.#sort.length === 0 && this.#held.length >= this.#skip + this.#limit)
    );
  }

  get #isGrouped(): boolean {
    return this.#isKey.includes(false);
  }

  /** Takes a row; true when no further one can change the answer. */
  take(row: Row): boolean {
    if (this.#isGrouped) this.#group(row);
    else {
      const columns = this.#items.map((item) => item(row));
      this.#hold(columns, row);
    }
    return this.isSatisfied;
  }

  /** The rows of the answer, in order. */
  *rows(): Generator<undefined, Value[][]> {
    if (this.#limit === 0) return [];
    if (this.#isGrouped) yield* this.#closeGroups();
    let held = this.#held;
    if (this.#sort.length > 0) {
      held = yield* sortInSteps(held, (a, b) => this.#compare(a, b), this.#context.work);
    }
    return held.slice(this.#skip, this.#skip + this.#limit).map(({ columns }) => columns);
  }

  #group(row: Row): void {
    const keys = this.#items.flatMap((item, at) => (this.#isKey[at] === true ? [item(row)] : []));
    const key = keys.map(keyOf).join();
    let group = this.#groups.get(key);
    if (group === undefined) {
      this.#context.work.hold(1, 2 * key.length);
      group = this.#newGroup(keys);
      this.#groups.set(key, group);
    }
    for (const accumulator of group.accumulators) accumulator.take(row);
  }

  #newGroup(keys: Value[]): Group {
    const accumulators = this.#aggregates.map((each) => new Accumulator(each, this.#context));
    return { keys, accumulators };
  }

  *#closeGroups(): Generator<undefined, void> {
    // Without keys there is one group, also of no rows.
    if (this.#groups.size === 0 && !this.#isKey.includes(true)) {
      this.#groups.set('', this.#newGroup([]));
    }
    for (const { keys, accumulators } of this.#groups.values()) {
      const row: Row = Array.from({ length: this.#slots }, () => null);
      for (const accumulator of accumulators) row.push(accumulator.result());
      let next = 0;
      const columns = this.#items.map((item, at) =>
        this.#isKey[at] === true ? (keys[next++] as Value) : item(row),
      );
      this.#hold(columns, row);
      if (this.#context.work.pass(4)) yield;
    }
  }

  #hold(columns: Value[], row: Row): void {
    const { work } = this.#context;
    if (this.#query.isDistinct) {
      const key = columns.map(keyOf).join();
      if (this.#seen.has(key)) return;
      this.#seen.add(key);
      work.hold(0, key.length);
    }
    const sort = this.#sort.length === 0 ? [] : this.#sortValues(columns, row);
    work.hold(1, charactersOf(columns) + charactersOf(sort));
    this.#held.push({ columns, sort });
  }

  #sortValues(columns: readonly Value[], row: Row): Value[] {
    const extended = [...row.slice(0, this.#slots), ...columns];
    return this.#sort.map((evaluate) => evaluate(extended));
  }

  #compare(a: Held, b: Held): number {
    for (const [at, { isDescending }] of this.#query.sort.entries()) {
      const sense = order(this.#context.view, a.sort[at] as Value, b.sort[at] as Value);
      if (sense !== 0) return isDescending ? -sense : sense;
    }
    return 0;
  }

  #aggregating(scope: Scope): Scope {
    return {
      slots: scope.slots,
      aggregate: (aggregate) => this.#slots + this.#aggregates.push(aggregate) - 1,
      variableProblem: 'a variable beside an aggregate in one expression; return it by itself',
    };
  }

  /** A column by its name or its expression; else, where rows are not merged, any expression. */
  #sortKey(expression: Expression, shapes: readonly string[], scope: Scope): Evaluate {
    const { items, isDistinct } = this.#query;
    const named = items.findIndex(
      ({ name }) => expression.kind === 'variable' && name === expression.name,
    );
    const same = named >= 0 ? named : shapes.indexOf(shapeOf(expression));
    if (same >= 0) {
      const slot = this.#slots + same;
      return (row) => row[slot] as Value;
    }
    const isMerged = isDistinct || this.#isGrouped;
    const slots = new Map(isMerged ? [] : scope.slots);
    for (const [at, { name }] of items.entries()) slots.set(name, this.#slots + at);
    return compile(expression, { slots }, this.#context);
  }

  #wholeNumber(expression: Expression | undefined, what: string): number | undefined {
    if (expression === undefined) return undefined;
    const value = compile(expression, { slots: new Map() }, this.#context)([]);
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    const found = typeof value === 'number' ? String(value) : kindOf(value);
    throw this.#context.failure(
      'invalid',
      `${what} wants a whole number of at least 0, not ${found}`,
      expression.at,
    );
  }
}

function hasAggregate(expression: Expression): boolean {
  if (expression.kind === 'countAll') return true;
  if (expression.kind === 'call' && AGGREGATES.has(expression.name)) return true;
  return partsOf(expression).some(hasAggregate);
}

/** An expression without its place. */
function shapeOf(expression: Expression): string {
  return JSON.stringify(expression, (key, value: unknown) => (key === 'at' ? undefined : value));
}
