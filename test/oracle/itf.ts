/**
 * Reads traces in the Informal Trace Format (Apalache ADR 015, as Quint and Apalache write it), plain
 * or gzipped.
 */
import { gunzipSync } from 'node:zlib';

/** A set, as a list without doubles. */
export class ItfSet {
  constructor(readonly items: readonly ItfValue[]) {}
}

/** A map, as a list of pairs. */
export class ItfMap {
  constructor(readonly entries: readonly (readonly [ItfValue, ItfValue])[]) {}
}

/** A record; a variant is one with `tag` and `value`. */
export interface ItfRecord {
  readonly [field: string]: ItfValue;
}

/** A value of a state: tuples and lists are both lists. */
export type ItfValue =
  string | number | boolean | readonly ItfValue[] | ItfSet | ItfMap | ItfRecord;

/** A trace: its variables, and their values in each state. */
export interface ItfTrace {
  readonly variables: readonly string[];
  readonly states: readonly ItfRecord[];
}

/** Bytes of one trace, unpacked; more is no trace of this specification. */
const TRACE_BYTES_MAX = 512 << 20;

/** Throws an `Error` that says what is wrong with the file. */
export function readItf(bytes: Uint8Array): ItfTrace {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const plain = isPacked ? gunzipSync(bytes, { maxOutputLength: TRACE_BYTES_MAX }) : bytes;
  const document: unknown = JSON.parse(Buffer.from(plain).toString('utf8'));
  if (!isObject(document)) throw new Error('an ITF trace is a JSON object');
  const { vars, states } = document;
  if (!Array.isArray(vars) || !Array.isArray(states)) {
    throw new Error('an ITF trace has a list of vars and a list of states');
  }
  return {
    variables: vars.map(String),
    states: states.map((state, at) => {
      const value = decode(state, `state ${at}`);
      if (!isRecord(value)) throw new Error(`state ${at} is no record`);
      return value;
    }),
  };
}

function decode(value: unknown, path: string): ItfValue {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return integer(value, path);
  if (Array.isArray(value)) return decodeAll(value, path);
  if (!isObject(value)) throw new Error(`${path} is ${String(value)}, which ITF does not have`);
  if ('#bigint' in value) return integer(Number(value['#bigint']), path);
  if ('#tup' in value) return decodeAll(value['#tup'], `${path}.#tup`);
  if ('#set' in value) return new ItfSet(decodeAll(value['#set'], `${path}.#set`));
  if ('#map' in value) return decodeMap(value['#map'], `${path}.#map`);
  if ('#unserializable' in value) throw new Error(`${path} could not be written into the trace`);
  const fields = Object.entries(value).filter(([name]) => name !== '#meta');
  return Object.fromEntries(fields.map(([name, each]) => [name, decode(each, `${path}.${name}`)]));
}

function decodeAll(list: unknown, path: string): ItfValue[] {
  if (!Array.isArray(list)) throw new Error(`${path} is no list`);
  return list.map((each, at) => decode(each, `${path}[${at}]`));
}

function decodeMap(list: unknown, path: string): ItfMap {
  const entries = decodeAll(list, path).map((pair) => {
    const [key, value, ...rest] = Array.isArray(pair) ? (pair as readonly ItfValue[]) : [];
    if (key === undefined || value === undefined || rest.length > 0) {
      throw new Error(`${path} has an entry that is no pair`);
    }
    return [key, value] as const;
  });
  return new ItfMap(entries);
}

function integer(value: number, path: string): number {
  if (Number.isSafeInteger(value)) return value;
  throw new Error(`${path} is no whole number that can be kept exactly`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value is a record or a variant. */
export function isRecord(value: ItfValue | undefined): value is ItfRecord {
  return isObject(value) && !(value instanceof ItfSet) && !(value instanceof ItfMap);
}

/** The field of a record. Throws an `Error` if there is none. */
export function field(record: ItfValue, name: string): ItfValue {
  const value = isRecord(record) ? record[name] : undefined;
  if (value === undefined) throw new Error(`there is no field ${name} in ${canonical(record)}`);
  return value;
}

/** The values of a set. */
export function itemsOf(value: ItfValue): readonly ItfValue[] {
  if (value instanceof ItfSet) return value.items;
  throw new Error(`${canonical(value)} is no set`);
}

/** The pairs of a map. */
export function entriesOf(value: ItfValue): readonly (readonly [ItfValue, ItfValue])[] {
  if (value instanceof ItfMap) return value.entries;
  throw new Error(`${canonical(value)} is no map`);
}

/** Equal strings for equal values, whatever the order of sets, maps and records. */
export function canonical(value: ItfValue): string {
  if (value instanceof ItfSet) {
    return `Set(${[...new Set(value.items.map(canonical))].sort().join(', ')})`;
  }
  if (value instanceof ItfMap) {
    const entries = value.entries.map(([key, each]) => `${canonical(key)} -> ${canonical(each)}`);
    return `Map(${entries.sort().join(', ')})`;
  }
  if (Array.isArray(value)) return `[${(value as readonly ItfValue[]).map(canonical).join(', ')}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  if (Object.keys(value).sort().join() === 'tag,value') {
    return `${String(value['tag'])}(${isUnit(value['value']) ? '' : canonical(value['value'] as ItfValue)})`;
  }
  const fields = Object.entries(value).map(([name, each]) => `${name}: ${canonical(each)}`);
  return `{ ${fields.sort().join(', ')} }`;
}

/** What a variant without content carries: Quint writes an empty tuple, Apalache a word. */
function isUnit(value: ItfValue | undefined): boolean {
  return (Array.isArray(value) && value.length === 0) || value === 'U_OF_UNIT' || value === 'UNIT';
}

/** Where two values differ first, in words; null if they are equal. */
export function difference(expected: ItfValue, found: ItfValue, path = ''): string | null {
  const [left, right] = [canonical(expected), canonical(found)];
  if (left === right) return null;
  if (isRecord(expected) && isRecord(found) && expected['tag'] === undefined) {
    for (const name of new Set([...Object.keys(expected), ...Object.keys(found)])) {
      const [a, b] = [expected[name], found[name]];
      if (a === undefined || b === undefined) return `${path}.${name} is only on one side`;
      const deeper = difference(a, b, `${path}.${name}`);
      if (deeper !== null) return deeper;
    }
  }
  if (expected instanceof ItfMap && found instanceof ItfMap) {
    const others = new Map(found.entries.map(([key, each]) => [canonical(key), each]));
    for (const [key, each] of expected.entries) {
      const other = others.get(canonical(key));
      const deeper =
        other === undefined ? null : difference(each, other, `${path}(${canonical(key)})`);
      if (deeper !== null) return deeper;
    }
  }
  return `${path.replace(/^\./, '')}: the trace has ${left}, we have ${right}`;
}
