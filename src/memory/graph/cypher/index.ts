/** Pattern queries: a subset of openCypher that reads. docs/graph.md describes it. */
import type { JsonValue, Memory } from '../../engine.js';
import { GraphError } from '../error.js';
import { NESTING_MAX, PARAMETERS_CHARACTERS_MAX, PARAMETERS_MAX } from '../limits.js';
import type { GraphView } from '../view.js';
import type { Work } from '../work.js';
import { Context } from './context.js';
import { Match } from './match.js';
import { planOf } from './plan.js';
import { Projection } from './project.js';
import { readQuery } from './read-query.js';
import type { Query } from './syntax.js';
import { EdgeValue, isList, isMap, NodeValue, type ResultValue, type Value } from './values.js';

/** Values for the `$names` of a query. */
export type Parameters = Readonly<Record<string, JsonValue>>;

export interface QueryResult {
  /** Names of the columns, in the order of RETURN. */
  readonly columns: string[];
  readonly rows: ResultValue[][];
}

/** Reads a query and its parameters, and gives what runs it on a view. */
export function runQuery(
  text: string,
  parameters: Parameters,
): (view: GraphView, work: Work) => Generator<undefined, QueryResult> {
  if (typeof text !== 'string') throw new GraphError('invalid', 'a query must be a text');
  checkParameters(parameters);
  const query = readQuery(text);
  const plan = planOf(query);
  return function* (view, work) {
    const context = new Context(text, parameters, view, work);
    const scope = { slots: slotsOf(query, context) };
    const projection = new Projection(query, scope, context);
    const match = new Match(plan, scope, context, (row) => projection.take(row));
    if (!projection.isSatisfied) yield* match.run();
    const rows: ResultValue[][] = [];
    for (const row of yield* projection.rows()) {
      rows.push(row.map((value) => resultOf(value, context)));
      if (work.pass(row.length)) yield;
    }
    return { columns: query.items.map(({ name }) => name), rows };
  };
}

/** A slot for each variable; refuses names with two meanings. */
function slotsOf({ parts }: Query, context: Context): Map<string, number> {
  const slots = new Map<string, number>();
  for (const { variable } of parts.flatMap(({ nodes }) => nodes)) {
    if (!slots.has(variable)) slots.set(variable, slots.size);
  }
  for (const { variable, at } of parts.flatMap(({ relationships }) => relationships)) {
    if (variable === undefined) continue;
    if (slots.has(variable)) {
      const sentence = `not supported: ${variable} stands for a relationship and for something else`;
      throw context.failure('unsupported', sentence, at);
    }
    slots.set(variable, slots.size);
  }
  return slots;
}

function resultOf(value: Value, context: Context): ResultValue {
  if (value instanceof NodeValue) return wholeMemory(value.number, context);
  if (value instanceof EdgeValue) return context.view.edgeOf(value.number);
  if (isList(value)) return value.map((item) => resultOf(item, context));
  if (isMap(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, resultOf(item, context)]),
    );
  }
  return value;
}

function wholeMemory(node: number, context: Context): Memory {
  const memory = context.memoryOf(node);
  context.work.hold(0, memory.content.length + JSON.stringify(memory.metadata).length);
  return memory;
}

function checkParameters(parameters: Parameters): void {
  if (!isJson(parameters, NESTING_MAX) || Array.isArray(parameters) || parameters === null) {
    throw new GraphError('invalid', 'the parameters must be an object of JSON values');
  }
  if (Object.keys(parameters).length > PARAMETERS_MAX) {
    throw new GraphError('limit', `a query takes at most ${PARAMETERS_MAX} parameters`);
  }
  if (JSON.stringify(parameters).length > PARAMETERS_CHARACTERS_MAX) {
    const sentence = `the parameters have at most ${PARAMETERS_CHARACTERS_MAX} characters as JSON`;
    throw new GraphError('limit', sentence);
  }
}

/** Whether a value is one of JSON, nested at most so deep. */
function isJson(value: unknown, depth: number): value is JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || depth === 0) return false;
  if (Array.isArray(value)) return value.every((item) => isJson(item, depth - 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return false;
  return Object.values(value).every((item) => isJson(item, depth - 1));
}
