/** Rows of the JSON stores of v1: what is a table in them, and how an element becomes a row. */
import { isUtf8 } from 'node:buffer';
import { gunzipSync, inflateSync } from 'node:zlib';

import { type Row, TEXT_BYTES_KEY } from '../memory/exact-row.js';
import { elementsOf, membersOf, skipSpace, type Span, valueAt } from './json-spans.js';
import { JSON_BYTES_MAX, JSON_COLUMNS_MAX } from './limits.js';
import { KEY_SEPARATOR } from './database-table.js';

/** One row, or what was cut off behind the last one. */
export type JsonItem =
  | { readonly table: string; readonly key: string; readonly row: Row; readonly isBroken: boolean }
  | { readonly table: string; readonly cut: true };

/** The text of an element or of a whole file as it stands in the file. */
const JSON_COLUMN = 'json';
const ENTRIES_TABLE = 'entries';
const SESSIONS_TABLE = 'sessions';
const METRICS_TABLE = 'metrics';
/** Members of a `*-data.json` that are no list. */
const STATE_TABLE = 'state';
const COMPRESSED = '__compressed__';

const OPENING_ARRAY = 0x5b;
const OPENING_OBJECT = 0x7b;

type Fields = ReadonlyMap<string, unknown>;

/** `{namespace: [{key, value, ...}]}`, as claude-flow's basic memory keeps it. */
export function* memoryItems(bytes: Uint8Array): IterableIterator<JsonItem> {
  const start = skipSpace(bytes, 0);
  const names = new Names();
  if (bytes[start] !== OPENING_OBJECT) {
    yield* listItems(bytes, start, null, names);
    return;
  }
  const members = membersOf(bytes, start);
  let next = members.next();
  for (; next.done !== true; next = members.next()) {
    const { key: namespace, ...span } = next.value;
    yield* listItems(bytes, span.start, namespace, names);
  }
  if (!next.value) yield { table: ENTRIES_TABLE, cut: true };
}

/** The elements of a namespace; what is no list is one broken element. */
function* listItems(
  bytes: Uint8Array,
  start: number,
  namespace: string | null,
  names: Names,
): IterableIterator<JsonItem> {
  const isList = bytes[start] === OPENING_ARRAY;
  const spans = isList ? elementsOf(bytes, start) : [valueAt(bytes, start)];
  let index = 0;
  for (const span of spans) {
    // The last one of a text that was cut off: the text itself is reported once.
    if (!span.isWhole && !isScalarEnd(bytes, span)) break;
    yield entryItem(bytes, span, namespace, index, names);
    index += 1;
  }
}

/** A number or word at the very end of a text is whole as far as anyone can tell. */
function isScalarEnd(bytes: Uint8Array, { start }: Span): boolean {
  return ![OPENING_ARRAY, OPENING_OBJECT, 0x22].includes(bytes[start] ?? 0);
}

function entryItem(
  bytes: Uint8Array,
  span: Span,
  namespace: string | null,
  index: number,
  names: Names,
): JsonItem {
  const fields = fieldsOf(bytes, span);
  const key = fields?.get('key');
  const isBroken = typeof key !== 'string' || fields?.get('value') === undefined;
  const own = fields?.get('namespace');
  const group = namespace ?? (typeof own === 'string' ? own : null);
  const known: [string, Row[string]][] = [
    ['namespace', group],
    ['key', typeof key === 'string' ? key : null],
    ['value', fields?.has('value') === true ? columnOf(fields.get('value')) : null],
  ];
  if (typeof own === 'string' && own !== group) known.push(['own_namespace', own]);
  const name = typeof key === 'string' ? key : `#${index}`;
  return {
    table: ENTRIES_TABLE,
    key: names.unique([group ?? '', name].join(KEY_SEPARATOR)),
    row: rowOf(known, fields, bytes, span),
    isBroken,
  };
}

/** `{agents: [], tasks: [], lastUpdated}`: a table a list, and one row for what is no list. */
export function* dataItems(bytes: Uint8Array): IterableIterator<JsonItem> {
  const start = skipSpace(bytes, 0);
  if (bytes[start] !== OPENING_OBJECT) {
    yield* documentItems(bytes, STATE_TABLE, STATE_TABLE);
    return;
  }
  const names = new Names();
  const rest = new Map<string, unknown>();
  const members = membersOf(bytes, start);
  let next = members.next();
  for (; next.done !== true; next = members.next()) {
    const { key: table, ...span } = next.value;
    if (bytes[span.start] !== OPENING_ARRAY) {
      if (span.isWhole) rest.set(table, parsed(bytes, span));
      continue;
    }
    yield* elementItems(bytes, span.start, table, '', names);
  }
  if (rest.size > 0) {
    const columns = [...rest].map(([name, value]) => [name, columnOf(value)] as const);
    const row = Object.fromEntries(columns.slice(0, JSON_COLUMNS_MAX)) as Row;
    yield { table: STATE_TABLE, key: STATE_TABLE, row, isBroken: false };
  }
  if (!next.value) yield { table: STATE_TABLE, cut: true };
}

/** A list of measurements, or one object with them. `stem` is the name of the file without `.json`. */
export function* metricsItems(bytes: Uint8Array, stem: string): IterableIterator<JsonItem> {
  const start = skipSpace(bytes, 0);
  if (bytes[start] !== OPENING_ARRAY) {
    yield* documentItems(bytes, METRICS_TABLE, stem);
    return;
  }
  const isClosed = yield* elementItems(bytes, start, METRICS_TABLE, `${stem}:`, new Names());
  if (!isClosed) yield { table: METRICS_TABLE, cut: true };
}

function* elementItems(
  bytes: Uint8Array,
  start: number,
  table: string,
  prefix: string,
  names: Names,
): Generator<JsonItem, boolean, undefined> {
  const elements = elementsOf(bytes, start);
  let index = 0;
  let next = elements.next();
  for (; next.done !== true; next = elements.next()) {
    const span = next.value;
    if (!span.isWhole && !isScalarEnd(bytes, span)) continue;
    const fields = fieldsOf(bytes, span);
    const id = fields?.get('id') ?? fields?.get('timestamp');
    const isNamed = typeof id === 'string' || typeof id === 'number';
    const key = names.unique(`${prefix}${isNamed ? String(id) : `#${index}`}`, table);
    yield { table, key, row: rowOf([], fields, bytes, span), isBroken: fields === undefined };
    index += 1;
  }
  return next.value;
}

/** A whole file as one row; none if it is an empty object. */
function* documentItems(bytes: Uint8Array, table: string, key: string): IterableIterator<JsonItem> {
  const start = skipSpace(bytes, 0);
  const span = valueAt(bytes, start);
  if (!span.isWhole && !isScalarEnd(bytes, span)) {
    yield { table, cut: true };
    return;
  }
  const fields = fieldsOf(bytes, span);
  if (fields?.size === 0) return;
  yield { table, key, row: rowOf([], fields, bytes, span), isBroken: fields === undefined };
}

/** A saved session: JSON, or `__compressed__` and base64 of JSON, which may be compressed. */
export function* sessionItems(bytes: Uint8Array, stem: string): IterableIterator<JsonItem> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isCompressed = text.subarray(0, COMPRESSED.length).toString() === COMPRESSED;
  const plain = isCompressed ? decompressed(text.subarray(COMPRESSED.length)) : text;
  const start = plain === undefined ? 0 : skipSpace(plain, 0);
  const span = { start, end: plain?.length ?? 0, isWhole: true };
  const fields = plain === undefined ? undefined : fieldsOf(plain, span);
  const known: [string, Row[string]][] = [
    ['file', stem],
    ['raw', isCompressed ? text.toString('latin1') : null],
  ];
  yield {
    table: SESSIONS_TABLE,
    key: stem,
    row: rowOf(known, fields, plain ?? new Uint8Array(), span),
    isBroken: fields === undefined,
  };
}

function decompressed(base64: Buffer): Buffer | undefined {
  const bytes = Buffer.from(base64.toString('latin1'), 'base64');
  const options = { maxOutputLength: JSON_BYTES_MAX };
  try {
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) return gunzipSync(bytes, options);
    if (bytes[0] === 0x78) return inflateSync(bytes, options);
    return bytes;
  } catch {
    return undefined;
  }
}

/** The members of an object, undefined for anything else. */
function fieldsOf(bytes: Uint8Array, span: Span): Fields | undefined {
  const value = parsed(bytes, span);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? new Map(Object.entries(value)) : undefined;
}

function parsed(bytes: Uint8Array, span: Span): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.subarray(span.start, span.end)).toString());
  } catch {
    return undefined;
  }
}

function rowOf(
  known: readonly (readonly [string, Row[string]])[],
  fields: Fields | undefined,
  bytes: Uint8Array,
  { start, end }: Span,
): Row {
  const columns = new Map<string, Row[string]>(known);
  for (const [name, value] of fields ?? []) {
    if (columns.has(name) || name === JSON_COLUMN || name === TEXT_BYTES_KEY) continue;
    if (columns.size < JSON_COLUMNS_MAX) columns.set(name, columnOf(value));
  }
  const raw = Buffer.from(bytes.subarray(start, end));
  const isText = isUtf8(raw);
  columns.set(JSON_COLUMN, isText ? raw.toString() : Uint8Array.from(raw));
  if (!isText) columns.set(TEXT_BYTES_KEY, JSON_COLUMN);
  return Object.fromEntries(columns);
}

/** As a column of SQLite would hold it: truth values as 0 and 1, lists and objects as JSON. */
function columnOf(value: unknown): Row[string] {
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return value === null || value === undefined ? null : JSON.stringify(value);
}

/** Makes names unique in their table: the second of a name gets `#2`. */
class Names {
  readonly #given = new Map<string, number>();
  readonly #taken = new Set<string>();

  unique(name: string, table = ''): string {
    const place = `${table}\0${name}`;
    let candidate = name;
    for (let number = (this.#given.get(place) ?? 0) + 1; ; number += 1) {
      candidate = number === 1 ? name : `${name}${KEY_SEPARATOR}#${number}`;
      if (this.#taken.has(`${table}\0${candidate}`)) continue;
      this.#given.set(place, number);
      this.#taken.add(`${table}\0${candidate}`);
      return candidate;
    }
  }
}
