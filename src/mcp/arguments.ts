/** Arguments of a call against the input schema of its tool. */
import { ToolError } from './errors.js';
import {
  ARGUMENTS_CHARACTERS_MAX,
  LIST_VALUES_MAX,
  NESTING_MAX,
  TEXT_CHARACTERS_MAX,
} from './limits.js';

/** The part of JSON Schema that the schemas of v1 use. */
export interface ValueSchema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly items?: ValueSchema;
  readonly properties?: Readonly<Record<string, ValueSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
}

export interface ObjectSchema extends ValueSchema {
  readonly type: 'object';
}

/** Checked: fields are as the schema says, what it has a default for is there. */
export type Arguments = Readonly<Record<string, unknown>>;

/**
 * A copy of `given` that fits the schema, with its defaults, without fields that it does not name. Throws
 * `ToolError` with the place of the first fault.
 */
export function checkedArguments(schema: ObjectSchema, given: unknown): Arguments {
  const budget = { characters: ARGUMENTS_CHARACTERS_MAX };
  return objectOf(schema, given ?? {}, { path: '', depth: 0, budget });
}

interface Place {
  /** Empty for the arguments themselves. */
  readonly path: string;
  readonly depth: number;
  readonly budget: { characters: number };
}

function valueOf(schema: ValueSchema, given: unknown, place: Place): unknown {
  switch (schema.type) {
    case 'string':
      return textOf(schema, given, place);
    case 'number':
      return numberOf(schema, given, place);
    case 'boolean':
      if (typeof given === 'boolean') return given;
      throw wrong(place, 'true or false', given);
    case 'array':
      return listOf(schema, given, place);
    case 'object':
      return objectOf(schema, given, place);
    default:
      return anyOf(given, place);
  }
}

function textOf(schema: ValueSchema, given: unknown, place: Place): string {
  if (typeof given !== 'string') throw wrong(place, 'a text', given);
  if (schema.enum !== undefined && !schema.enum.includes(given)) {
    throw wrong(place, `one of ${schema.enum.join(', ')}`, given);
  }
  return boundedText(given, place);
}

function boundedText(given: string, place: Place): string {
  if (given.length > TEXT_CHARACTERS_MAX) {
    throw new ToolError(
      `${named(place)} has ${given.length} characters; at most ${TEXT_CHARACTERS_MAX} are taken`,
    );
  }
  spend(given.length, place);
  if (given.includes('\0') || /\p{Surrogate}/u.test(given)) {
    throw new ToolError(`${named(place)} holds a NUL or half a surrogate pair, which is no text`);
  }
  return given;
}

function numberOf(schema: ValueSchema, given: unknown, place: Place): number {
  if (typeof given !== 'number' || !Number.isFinite(given)) throw wrong(place, 'a number', given);
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum = -Infinity } = schema;
  if (given < minimum) throw wrong(place, `at least ${minimum}`, given);
  if (given > maximum) throw wrong(place, `at most ${maximum}`, given);
  if (given <= exclusiveMinimum) throw wrong(place, `more than ${exclusiveMinimum}`, given);
  return given;
}

function listOf(schema: ValueSchema, given: unknown, place: Place): unknown[] {
  if (!Array.isArray(given)) throw wrong(place, 'a list', given);
  if (given.length > LIST_VALUES_MAX) {
    throw new ToolError(
      `${named(place)} has ${given.length} values; at most ${LIST_VALUES_MAX} are taken`,
    );
  }
  spend(given.length, place);
  const { items = {} } = schema;
  return given.map((value: unknown, at) => valueOf(items, value, within(place, `[${at}]`)));
}

function objectOf(schema: ValueSchema, given: unknown, place: Place): Arguments {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw wrong(place, 'an object', given);
  }
  const { properties, required = [] } = schema;
  if (properties === undefined) return anyOf(given, place) as Arguments;
  checkNames(given, properties, schema, place);
  const checked: [string, unknown][] = [];
  for (const [name, one] of Object.entries(properties)) {
    const inside = within(place, place.path === '' ? name : `.${name}`);
    const value: unknown = Object.hasOwn(given, name) ? Reflect.get(given, name) : undefined;
    // Models often say null where they mean nothing.
    if (value !== undefined && (value !== null || required.includes(name))) {
      checked.push([name, valueOf(one, value, inside)]);
    } else if (required.includes(name)) {
      throw new ToolError(`${named(inside)} is missing`);
    } else if (one.default !== undefined) {
      checked.push([name, one.default]);
    }
  }
  return Object.fromEntries(checked);
}

function checkNames(
  given: object,
  properties: Readonly<Record<string, ValueSchema>>,
  { additionalProperties = true }: ValueSchema,
  place: Place,
): void {
  for (const name of Object.keys(given)) {
    checkName(name, place);
    if (!additionalProperties && !Object.hasOwn(properties, name)) {
      const known = Object.keys(properties);
      const list = known.length === 0 ? 'none' : known.join(', ');
      throw new ToolError(`${named(place)} may not have ${quoted(name)}; known are: ${list}`);
    }
  }
}

/** Free JSON, copied. */
function anyOf(given: unknown, place: Place): unknown {
  if (given === null || typeof given === 'boolean') return given;
  if (typeof given === 'number') return numberOf({}, given, place);
  if (typeof given === 'string') return boundedText(given, place);
  if (Array.isArray(given)) return listOf({}, given, place);
  if (typeof given !== 'object') throw wrong(place, 'JSON', given);
  const entries: [string, unknown][] = Object.entries(given);
  if (entries.length > LIST_VALUES_MAX) {
    throw new ToolError(
      `${named(place)} has ${entries.length} fields; at most ${LIST_VALUES_MAX} are taken`,
    );
  }
  const copied = entries.map(([name, value]): [string, unknown] => {
    checkName(name, place);
    return [name, anyOf(value, within(place, `.${name}`))];
  });
  return Object.fromEntries(copied);
}

/** These would change what an object is, somewhere behind us. */
function checkName(name: string, place: Place): void {
  if (name === '__proto__' || name === 'constructor' || name === 'prototype') {
    throw new ToolError(`${named(place)} may not have a field called ${name}`);
  }
  spend(name.length, place);
}

function spend(characters: number, { budget }: Place): void {
  budget.characters -= characters;
  if (budget.characters < 0) {
    throw new ToolError(
      `the arguments have more than ${ARGUMENTS_CHARACTERS_MAX} characters; divide the call`,
    );
  }
}

function within(place: Place, name: string): Place {
  const depth = place.depth + 1;
  if (depth > NESTING_MAX) {
    throw new ToolError(`the arguments are nested deeper than ${NESTING_MAX} levels`);
  }
  return { path: `${place.path}${name}`.slice(0, 200), depth, budget: place.budget };
}

function wrong(place: Place, expected: string, given: unknown): ToolError {
  return new ToolError(`${named(place)} must be ${expected}, not ${described(given)}`);
}

function named({ path }: Place): string {
  return path === '' ? 'the arguments' : `argument ${quoted(path)}`;
}

function described(given: unknown): string {
  if (Array.isArray(given)) return 'a list';
  if (given === null) return 'null';
  if (typeof given === 'object') return 'an object';
  return typeof given === 'string' ? quoted(given) : String(given);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);
}
