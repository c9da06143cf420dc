/**
 * Answers queries by trying every assignment, without plan, index or early stop. Shares nothing with
 * the engine but the shape that the parser gives.
 */
import type { JsonValue, Memory } from '../../../../../src/memory/engine.js';
import type {
  Expression,
  PatternPart,
  Query,
  RelationshipPattern,
} from '../../../../../src/memory/graph/cypher/syntax.js';
import type { MapStore } from '../support.js';

type Item = JsonValue | Memory | object;
type Bindings = ReadonlyMap<string, Item>;
interface Assignment {
  readonly bindings: Bindings;
  readonly used: readonly object[];
}

/** Throws for what has no answer; the property test asks no such question. */
export function naiveRows(store: MapStore, query: Query): Item[][] {
  let found: Assignment[] = [{ bindings: new Map(), used: [] }];
  for (const part of query.parts) found = found.flatMap((each) => partFrom(store, part, each));
  const rows = found
    .map(({ bindings }) => bindings)
    .filter((row) => query.where === undefined || valueOf(query.where, row) === true);
  const answers = query.items.some(({ expression }) => isAggregate(expression))
    ? grouped(query, rows)
    : rows.map((row) => query.items.map(({ expression }) => valueOf(expression, row)));
  if (!query.isDistinct) return answers;
  return [...new Map(answers.map((row) => [keyOf(row), row])).values()];
}

/** A text that is equal for equal values. */
export function keyOf(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

function partFrom(store: MapStore, part: PatternPart, start: Assignment): Assignment[] {
  const go = (at: number, before: Memory | undefined, now: Assignment): Assignment[] => {
    const node = part.nodes[at];
    if (node === undefined) return [now];
    return [...store.memories.values()].flatMap((memory) => {
      const bound = now.bindings.get(node.variable);
      if (bound !== undefined && bound !== memory) return [];
      const bindings = new Map(now.bindings).set(node.variable, memory);
      const relationship = part.relationships[at - 1];
      const ways =
        relationship === undefined || before === undefined
          ? [{ bindings, used: now.used }]
          : waysOver(store, relationship, before, memory, { bindings, used: now.used });
      return ways.flatMap((way) => go(at + 1, memory, way));
    });
  };
  return go(0, undefined, start).filter(({ bindings }) =>
    part.nodes.every(({ variable, properties }) =>
      properties.every(({ key, value }) => {
        const own = propertyOf(bindings.get(variable) as Item, key);
        return equal(own, valueOf(value, bindings)) === true;
      }),
    ),
  );
}

function waysOver(
  store: MapStore,
  { direction, types, hops, variable }: RelationshipPattern,
  from: Memory,
  to: Memory,
  { bindings, used }: Assignment,
): Assignment[] {
  const ways: Assignment[] = [];
  const { min, max } = hops ?? { min: 1, max: 1 };
  const go = (id: string, path: readonly object[], taken: readonly object[]): void => {
    if (path.length >= min && id === to.id) {
      const value = hops === undefined ? (path[0] as object) : path;
      const bound = variable === undefined ? bindings : new Map(bindings).set(variable, value);
      ways.push({ bindings: bound, used: taken });
    }
    if (path.length === max) return;
    for (const edge of store.edges.values()) {
      if (taken.includes(edge) || (types.length > 0 && !types.includes(edge.relation))) continue;
      const ends = new Set<string>();
      if (direction !== 'in' && edge.from === id) ends.add(edge.to);
      if (direction !== 'out' && edge.to === id) ends.add(edge.from);
      for (const end of ends) go(end, [...path, edge], [...taken, edge]);
    }
  };
  go(from.id, [], used);
  return ways;
}

function grouped(query: Query, rows: readonly Bindings[]): Item[][] {
  const keyItems = query.items.filter(({ expression }) => !isAggregate(expression));
  const groups = new Map<string, Bindings[]>();
  for (const row of rows) {
    const key = keyOf(keyItems.map(({ expression }) => valueOf(expression, row)));
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  if (keyItems.length === 0 && groups.size === 0) groups.set('', []);
  return [...groups.values()].map((group) =>
    query.items.map(({ expression }) =>
      isAggregate(expression)
        ? aggregate(expression, group)
        : valueOf(expression, group[0] as Bindings),
    ),
  );
}

const NAMES = ['count', 'sum', 'avg', 'min', 'max', 'collect'];

function isAggregate(expression: Expression): boolean {
  return (
    expression.kind === 'countAll' ||
    (expression.kind === 'call' && NAMES.includes(expression.name))
  );
}

function aggregate(expression: Expression, group: readonly Bindings[]): Item {
  if (expression.kind !== 'call') return group.length;
  const [item] = expression.items;
  let values = group
    .map((row) => valueOf(item as Expression, row))
    .filter((value) => value !== null);
  if (expression.isDistinct) {
    values = [...new Map(values.map((value) => [keyOf(value), value])).values()];
  }
  const sum = values.reduce<number>((total, value) => total + Number(value), 0);
  const inOrder = values.toSorted(orderOf);
  switch (expression.name) {
    case 'count':
      return values.length;
    case 'sum':
      return sum;
    case 'avg':
      return values.length === 0 ? null : sum / values.length;
    case 'min':
      return inOrder[0] ?? null;
    case 'max':
      return inOrder.at(-1) ?? null;
    default:
      return values;
  }
}

/** Texts before booleans before numbers before null. */
export function orderOf(a: Item, b: Item): number {
  const place = (value: Item): number =>
    value === null ? 3 : typeof value === 'number' ? 2 : typeof value === 'boolean' ? 1 : 0;
  if (place(a) !== place(b)) return place(a) - place(b);
  if (a === null || b === null || a === b) return 0;
  return a < b ? -1 : 1;
}

function propertyOf(of: Item, key: string): Item {
  if (of === null) return null;
  const object = of as Record<string, Item>;
  if ('relation' in object) return key === 'weight' ? (object['weight'] as Item) : null;
  if ('createdAtMs' in object) {
    const metadata = object['metadata'] as Record<string, Item>;
    return key in object ? (object[key] as Item) : (metadata[key] ?? null);
  }
  return object[key] ?? null;
}

function equal(a: Item, b: Item): boolean | null {
  if (a === null || b === null) return null;
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return false;
    const each = a.map((item: Item, at) => equal(item, b[at] as Item));
    return each.includes(false) ? false : each.includes(null) ? null : true;
  }
  return keyOf(a) === keyOf(b);
}

function not(value: Item): Item {
  return value === null ? null : value === false;
}

function valueOf(expression: Expression, row: Bindings): Item {
  const of = (part: Expression): Item => valueOf(part, row);
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'variable':
      return row.get(expression.name) as Item;
    case 'property':
      return expression.keys.reduce(propertyOf, of(expression.of));
    case 'list':
      return expression.items.map(of);
    case 'not':
      return not(of(expression.operand));
    case 'negative':
      return -Number(of(expression.operand));
    case 'isNull':
      return (of(expression.operand) === null) !== expression.isNegated;
    case 'and':
    case 'or': {
      const decisive = expression.kind === 'or';
      const values = expression.operands.map(of);
      if (values.includes(decisive)) return decisive;
      return values.includes(null) ? null : !decisive;
    }
    case 'xor': {
      const values = expression.operands.map(of);
      if (values.includes(null)) return null;
      return values.reduce<boolean>((result, value) => result !== value, false);
    }
    case 'arithmetic': {
      let result = of(expression.first);
      for (const { sign, operand } of expression.rest) {
        const value = of(operand);
        if (result === null || value === null) result = null;
        else if (sign === '+') result = (result as number) + (value as number);
        else if (sign === '-') result = (result as number) - (value as number);
        else result = (result as number) * (value as number);
      }
      return result;
    }
    case 'compare': {
      const [a, b] = [of(expression.left), of(expression.right)];
      const isSame = equal(a, b);
      if (expression.sign === '=') return isSame;
      if (expression.sign === '<>') return isSame === null ? null : !isSame;
      if (a === null || b === null || typeof a !== typeof b || typeof a === 'object') return null;
      if (expression.sign === '<') return a < b;
      if (expression.sign === '<=') return a <= b;
      return expression.sign === '>' ? a > b : a >= b;
    }
    case 'in': {
      const [value, list] = [of(expression.left), of(expression.right)];
      if (list === null) return null;
      const each = (list as Item[]).map((item) => equal(value, item));
      if (each.includes(true)) return true;
      return each.includes(null) ? null : false;
    }
    case 'starts':
    case 'ends':
    case 'contains': {
      const [text, part] = [of(expression.left), of(expression.right)];
      if (typeof text !== 'string' || typeof part !== 'string') return null;
      if (expression.kind === 'starts') return text.startsWith(part);
      return expression.kind === 'ends' ? text.endsWith(part) : text.includes(part);
    }
    case 'call': {
      const [value = null] = expression.items.map(of);
      if (value === null) return null;
      const edge = value as { id: string; relation: string };
      if (expression.name === 'id') return edge.id;
      if (expression.name === 'type') return edge.relation;
      throw new Error(`the naive evaluator knows no ${expression.name}()`);
    }
    default:
      throw new Error(`the naive evaluator knows no ${expression.kind}`);
  }
}
