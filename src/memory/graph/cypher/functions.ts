/** The functions of single values. Of null they are null, except coalesce. */
import type { GraphError } from '../error.js';
import type { Context } from './context.js';
import { EdgeValue, isList, NodeValue, type Value } from './values.js';

interface KnownFunction {
  /** Least and most number of arguments. */
  readonly arguments: readonly [number, number];
  apply(values: readonly Value[], context: Context, refuse: (value: Value) => GraphError): Value;
}

/** A function of one value that is not null. */
function one(
  apply: (value: Exclude<Value, null>, context: Context) => Value | undefined,
): KnownFunction {
  return {
    arguments: [1, 1],
    apply: ([value = null], context, refuse) => {
      if (value === null) return null;
      const result = apply(value, context);
      if (result === undefined) throw refuse(value);
      return result;
    },
  };
}

export const FUNCTIONS: ReadonlyMap<string, KnownFunction> = new Map([
  [
    'id',
    one((value, { view }) => (value instanceof NodeValue ? view.idOf(value.number) : undefined)),
  ],
  [
    'type',
    one((value, { view }) =>
      value instanceof EdgeValue ? view.relationNameOf(value.number) : undefined,
    ),
  ],
  [
    'startnode',
    one((value, { view }) =>
      value instanceof EdgeValue ? new NodeValue(view.sourceOf(value.number)) : undefined,
    ),
  ],
  [
    'endnode',
    one((value, { view }) =>
      value instanceof EdgeValue ? new NodeValue(view.targetOf(value.number)) : undefined,
    ),
  ],
  ['size', one((value) => (typeof value === 'string' || isList(value) ? value.length : undefined))],
  ['tolower', one((value) => (typeof value === 'string' ? value.toLowerCase() : undefined))],
  ['toupper', one((value) => (typeof value === 'string' ? value.toUpperCase() : undefined))],
  [
    'coalesce',
    { arguments: [1, 64], apply: (values) => values.find((value) => value !== null) ?? null },
  ],
]);
