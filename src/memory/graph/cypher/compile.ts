/** Turns expressions into functions of a row. */
import { AGGREGATES, type Aggregate } from './aggregates.js';
import { type Context, ownOf } from './context.js';
import { FUNCTIONS } from './functions.js';
import type { Expression } from './syntax.js';
import {
  all,
  any,
  compare,
  EdgeValue,
  equals,
  isList,
  isMap,
  kindOf,
  NodeValue,
} from './values.js';
import type { Value } from './values.js';

/** Values by slot: of the variables, and whatever else the scope names. */
export type Row = Value[];
export type Evaluate = (row: Row) => Value;

/** What the names in an expression mean. */
export interface Scope {
  readonly slots: ReadonlyMap<string, number>;
  /** Takes aggregates, where there may be any, and tells the slot of the result. */
  readonly aggregate?: (aggregate: Aggregate) => number;
  /** Why a variable cannot be used here, if it cannot. */
  readonly variableProblem?: string;
}

export function compile(expression: Expression, scope: Scope, context: Context): Evaluate {
  const inner = (part: Expression): Evaluate => compile(part, scope, context);
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression;
      return () => value;
    }
    case 'parameter':
      return parameter(expression, context);
    case 'variable':
      return variable(expression, scope, context);
    case 'property':
      return property(expression, inner(expression.of), context);
    case 'list': {
      const items = expression.items.map(inner);
      return (row) => items.map((item) => item(row));
    }
    case 'call':
    case 'countAll':
      return call(expression, scope, context);
    case 'negative': {
      const operand = inner(expression.operand);
      return (row) => {
        const value = operand(row);
        return value === null ? null : -number(value, '-', expression.at, context);
      };
    }
    case 'arithmetic':
      return arithmetic(expression, inner, context);
    case 'isNull': {
      const operand = inner(expression.operand);
      return (row) => (operand(row) === null) !== expression.isNegated;
    }
    case 'not': {
      const operand = truth(expression.operand, inner, 'NOT', context);
      return (row) => {
        const value = operand(row);
        return value === null ? null : !value;
      };
    }
    case 'and':
    case 'or':
    case 'xor':
      return logical(expression, inner, context);
    case 'compare':
    case 'in':
    case 'starts':
    case 'ends':
    case 'contains':
      return binary(expression, inner, context);
  }
}

type Kind<K extends Expression['kind']> = Extract<Expression, { kind: K }>;
type Inner = (part: Expression) => Evaluate;

function parameter({ name, at }: Kind<'parameter'>, context: Context): Evaluate {
  if (!Object.hasOwn(context.parameters, name)) {
    throw context.failure('invalid', `the parameter $${name} was not given`, at);
  }
  const value = ownOf(context.parameters, name);
  return () => value;
}

function variable({ name, at }: Kind<'variable'>, scope: Scope, context: Context): Evaluate {
  if (scope.variableProblem !== undefined) {
    throw context.failure('unsupported', `not supported: ${scope.variableProblem}`, at);
  }
  const slot = scope.slots.get(name);
  if (slot === undefined) throw context.failure('invalid', `there is no variable ${name} here`, at);
  return (row) => row[slot] as Value;
}

function property({ keys, at }: Kind<'property'>, of: Evaluate, context: Context): Evaluate {
  return (row) => {
    let value = of(row);
    for (const key of keys) {
      if (value === null) return null;
      if (value instanceof NodeValue) value = context.propertyOf(value.number, key);
      else if (value instanceof EdgeValue) {
        value = key === 'weight' ? context.view.weightOf(value.number) : null;
      } else if (isMap(value)) value = ownOf(value, key);
      else throw context.failure('invalid', `${kindOf(value)} has no property ${key}`, at);
    }
    return value;
  };
}

function call(expression: Kind<'call' | 'countAll'>, scope: Scope, context: Context): Evaluate {
  const { at } = expression;
  const name = expression.kind === 'countAll' ? 'count' : expression.name;
  const items = expression.kind === 'countAll' ? [] : expression.items;
  const isDistinct = expression.kind === 'call' && expression.isDistinct;
  if (AGGREGATES.has(name)) {
    if (scope.aggregate === undefined) {
      throw context.failure('unsupported', `not supported: ${name}() here, only in RETURN`, at);
    }
    const [item] = items;
    if (expression.kind === 'call' && items.length !== 1) {
      throw context.failure('invalid', `${name}() takes one argument`, at);
    }
    // Inside of an aggregate the variables are those of the rows, and no further aggregate.
    const of = item === undefined ? undefined : compile(item, { slots: scope.slots }, context);
    const slot = scope.aggregate({ name, of, isDistinct, at });
    return (row) => row[slot] as Value;
  }
  const known = FUNCTIONS.get(name);
  if (known === undefined) {
    const names = [...FUNCTIONS.keys(), ...AGGREGATES].join(', ');
    throw context.failure('unsupported', `not supported: ${name}(); there are ${names}`, at);
  }
  if (isDistinct) throw context.failure('invalid', `${name}() takes no DISTINCT`, at);
  if (items.length < known.arguments[0] || items.length > known.arguments[1]) {
    throw context.failure('invalid', `${name}() takes ${known.arguments[0]} argument`, at);
  }
  const evaluates = items.map((item) => compile(item, scope, context));
  return (row) => {
    const values = evaluates.map((evaluate) => evaluate(row));
    return known.apply(values, context, (value) =>
      context.failure('invalid', `${name}() cannot be applied to ${kindOf(value)}`, at),
    );
  };
}

function number(value: Value, sign: string, at: number, context: Context): number {
  if (typeof value === 'number') return value;
  throw context.failure('invalid', `${sign} cannot be applied to ${kindOf(value)}`, at);
}

function arithmetic(
  { first, rest, at }: Kind<'arithmetic'>,
  inner: Inner,
  context: Context,
): Evaluate {
  const start = inner(first);
  const others = rest.map(({ sign, operand }) => ({ sign, operand: inner(operand) }));
  return (row) => {
    let result = start(row);
    for (const { sign, operand } of others) {
      const value = operand(row);
      if (result === null || value === null) {
        result = null;
      } else if (sign === '+' && typeof result === 'string' && typeof value === 'string') {
        result += value;
      } else {
        const [left, right] = [number(result, sign, at, context), number(value, sign, at, context)];
        result = sign === '+' ? left + right : sign === '-' ? left - right : left * right;
        if (!Number.isFinite(result)) throw context.failure('invalid', 'the number overflows', at);
      }
    }
    return result;
  };
}

/** An operand of a logical operator, or a condition: true, false or null. */
export function truth(
  expression: Expression,
  inner: Inner,
  what: string,
  context: Context,
): (row: Row) => boolean | null {
  const evaluate = inner(expression);
  return (row) => {
    const value = evaluate(row);
    if (value === null || typeof value === 'boolean') return value;
    throw context.failure(
      'invalid',
      `${what} wants true, false or null, not ${kindOf(value)}`,
      expression.at,
    );
  };
}

function logical(
  { kind, operands }: Kind<'and' | 'or' | 'xor'>,
  inner: Inner,
  context: Context,
): Evaluate {
  const truths = operands.map((each) => truth(each, inner, kind.toUpperCase(), context));
  if (kind === 'and') return (row) => all(truths.map((each) => each(row)));
  if (kind === 'or') return (row) => any(truths.map((each) => each(row)));
  return (row) => {
    const values = truths.map((each) => each(row));
    if (values.includes(null)) return null;
    return values.filter((value) => value === true).length % 2 === 1;
  };
}

function binary(
  expression: Kind<'compare' | 'in' | 'starts' | 'ends' | 'contains'>,
  inner: Inner,
  context: Context,
): Evaluate {
  const [left, right] = [inner(expression.left), inner(expression.right)];
  if (expression.kind === 'compare') {
    const { sign } = expression;
    if (sign === '=') return (row) => equals(left(row), right(row));
    if (sign === '<>') {
      return (row) => {
        const equal = equals(left(row), right(row));
        return equal === null ? null : !equal;
      };
    }
    return (row) => {
      const [a, b] = [left(row), right(row)];
      if (isList(a) && isList(b)) {
        throw context.failure('unsupported', 'not supported: an order of lists', expression.at);
      }
      const sense = compare(a, b);
      if (sense === undefined) return null;
      if (sign === '<') return sense < 0;
      if (sign === '<=') return sense <= 0;
      return sign === '>' ? sense > 0 : sense >= 0;
    };
  }
  if (expression.kind === 'in') return (row) => isIn(left(row), right(row), expression.at, context);
  const { kind } = expression;
  return (row) => {
    const [text, part] = [left(row), right(row)];
    if (typeof text !== 'string' || typeof part !== 'string') return null;
    if (kind === 'starts') return text.startsWith(part);
    return kind === 'ends' ? text.endsWith(part) : text.includes(part);
  };
}

function isIn(value: Value, list: Value, at: number, context: Context): boolean | null {
  if (list === null) return null;
  if (!isList(list)) {
    throw context.failure('invalid', `IN wants a list, not ${kindOf(list)}`, at);
  }
  let isUnknown = false;
  for (const item of list) {
    const equal = equals(value, item);
    if (equal === true) return true;
    isUnknown ||= equal === null;
  }
  return isUnknown ? null : false;
}
