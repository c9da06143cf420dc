/** Values of expressions, with the equality and the orders of openCypher. */
import type { Edge, JsonValue, Memory } from '../../engine.js';
import { compareTexts } from '../sort-in-steps.js';
import type { GraphView } from '../view.js';

/** A memory, by its number in the view. */
export class NodeValue {
  readonly number: number;

  constructor(number: number) {
    this.number = number;
  }
}

/** An edge, by its number in the view. */
export class EdgeValue {
  readonly number: number;

  constructor(number: number) {
    this.number = number;
  }
}

export interface MapValue {
  readonly [key: string]: Value;
}

export type Value =
  null | boolean | number | string | NodeValue | EdgeValue | readonly Value[] | MapValue;

/** The answer of a query: memories and edges as the engine gives them. */
export type ResultValue =
  JsonValue | Memory | Edge | readonly ResultValue[] | { readonly [key: string]: ResultValue };

export function isMap(value: Value): value is MapValue {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof NodeValue || value instanceof EdgeValue)
  );
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** What a value is, for messages. */
export function kindOf(value: Value): string {
  if (value === null) return 'null';
  if (value instanceof NodeValue) return 'a node';
  if (value instanceof EdgeValue) return 'a relationship';
  if (isList(value)) return 'a list';
  if (isMap(value)) return 'a map';
  return `a ${typeof value === 'string' ? 'text' : typeof value}`;
}

/** `=` with three values: null where a null decides. Values of different kinds are not equal. */
export function equals(a: Value, b: Value): boolean | null {
  if (a === null || b === null) return null;
  if (typeof a !== 'object' || typeof b !== 'object') return a === b;
  if (a instanceof NodeValue) return b instanceof NodeValue && a.number === b.number;
  if (a instanceof EdgeValue) return b instanceof EdgeValue && a.number === b.number;
  if (b instanceof NodeValue || b instanceof EdgeValue) return false;
  if (isList(a) || isList(b)) {
    if (!isList(a) || !isList(b) || a.length !== b.length) return false;
    return all(a.map((item, at) => equals(item, b[at] as Value)));
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length || keys.some((key) => !Object.hasOwn(b, key))) {
    return false;
  }
  return all(keys.map((key) => equals(a[key] as Value, b[key] as Value)));
}

/** AND of three values. */
export function all(values: readonly (boolean | null)[]): boolean | null {
  if (values.includes(false)) return false;
  return values.includes(null) ? null : true;
}

/** OR of three values. */
export function any(values: readonly (boolean | null)[]): boolean | null {
  if (values.includes(true)) return true;
  return values.includes(null) ? null : false;
}

/** `<` and its like: undefined where the two have no order (null, or different kinds). */
export function compare(a: Value, b: Value): number | undefined {
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  return undefined;
}

/** Places of the kinds in the order of ORDER BY, min and max: null is last. */
function placeOf(value: Value): number {
  if (value === null) return 7;
  if (typeof value === 'number') return 6;
  if (typeof value === 'boolean') return 5;
  if (typeof value === 'string') return 4;
  if (isList(value)) return 3;
  if (value instanceof EdgeValue) return 2;
  return value instanceof NodeValue ? 1 : 0;
}

/** The order of all values: nodes by id, edges by source, target and relation. */
export function order(view: GraphView, a: Value, b: Value): number {
  const byKind = placeOf(a) - placeOf(b);
  if (byKind !== 0) return byKind;
  const known = compare(a, b);
  if (known !== undefined) return known;
  if (a instanceof NodeValue && b instanceof NodeValue)
    return view.compareNodes(a.number, b.number);
  if (a instanceof EdgeValue && b instanceof EdgeValue) return orderEdges(view, a.number, b.number);
  if (a === null || b === null) return 0;
  if (isList(a) && isList(b)) {
    for (const [at, item] of a.entries()) {
      if (at >= b.length) return 1;
      const byItem = order(view, item, b[at] as Value);
      if (byItem !== 0) return byItem;
    }
    return a.length - b.length;
  }
  return compareTexts(keyOf(a), keyOf(b));
}

function orderEdges(view: GraphView, a: number, b: number): number {
  return (
    view.compareNodes(view.sourceOf(a), view.sourceOf(b)) ||
    view.compareNodes(view.targetOf(a), view.targetOf(b)) ||
    view.compareRelations(a, b)
  );
}

/** A text that is equal for values that DISTINCT and grouping take as one; null is one with null. */
export function keyOf(value: Value): string {
  if (value instanceof NodeValue) return `#${value.number}`;
  if (value instanceof EdgeValue) return `@${value.number}`;
  if (isList(value)) return `[${value.map(keyOf).join()}]`;
  if (isMap(value)) {
    const keys = Object.keys(value).toSorted();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${keyOf(value[key] as Value)}`).join()}}`;
  }
  return JSON.stringify(value);
}

/** Characters of the texts in a value. */
export function charactersOf(value: Value): number {
  if (typeof value === 'string') return value.length;
  if (isList(value)) return value.reduce<number>((sum, item) => sum + charactersOf(item), 0);
  if (!isMap(value)) return 0;
  return Object.entries(value).reduce(
    (sum, [key, item]) => sum + key.length + charactersOf(item),
    0,
  );
}
