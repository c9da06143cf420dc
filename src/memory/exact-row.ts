/**
 * Rows of a v1 file, read and written without losing a bit. SQLite holds texts that no string can
 * carry through the binding (invalid UTF-8) or that the binding cuts (a NUL inside). So text columns
 * are read as bytes; what is not valid UTF-8 stays bytes, and the row says which columns these are.
 */
import { isUtf8 } from 'node:buffer';

import { pack, unpack } from 'msgpackr';

import type { Database, SqlValue } from './database.js';
import type { DumpRecord } from './engine.js';
import { assert } from './errors.js';

export type Row = DumpRecord['row'];

/** Extra key of a row: columns, joined by commas, whose bytes are a text that is no valid UTF-8. */
export const TEXT_BYTES_KEY = 'agentic_flow_text_bytes';

/** Text columns that one number of flags can tell. */
const FLAGS_MAX = 52;
/** Columns of a table that can be read exactly; SQLite gives at most 2,000 with the flags. */
export const COLUMNS_MAX = 1900;

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Names of the columns of a table, empty if there is no such table. */
export function columnsOf(database: Database, table: string): string[] {
  return database.all(`SELECT name FROM pragma_table_info(?)`, table).map(([name]) => String(name));
}

/** The select list that `exactRow` understands. */
export function exactColumns(columns: readonly string[]): string {
  assert(columns.length <= COLUMNS_MAX, `a table is read with at most ${COLUMNS_MAX} columns`);
  const names = columns.map(quoteName);
  const values = names.map(
    (n) => `CASE typeof(${n}) WHEN 'text' THEN CAST(${n} AS BLOB) ELSE ${n} END`,
  );
  const flags = names.map((n, i) => `(typeof(${n}) = 'text') * ${2 ** (i % FLAGS_MAX)}`);
  const sums: string[] = [];
  for (let i = 0; i < flags.length; i += FLAGS_MAX) {
    sums.push(flags.slice(i, i + FLAGS_MAX).join(' + '));
  }
  return [...values, ...sums].join(', ');
}

/** The row of what `exactColumns` selected. */
export function exactRow(columns: readonly string[], values: readonly SqlValue[]): Row {
  const unreadable: string[] = [];
  const cells = columns.map((column, i): [string, SqlValue] => {
    const value = values[i] ?? null;
    const flags = Number(values[columns.length + Math.floor(i / FLAGS_MAX)] ?? 0);
    const isText = Math.floor(flags / 2 ** (i % FLAGS_MAX)) % 2 === 1;
    if (!isText) return [column, value instanceof Uint8Array ? Uint8Array.from(value) : value];
    // A text of no bytes cast to a blob comes back as an empty one, or as null in some bindings.
    if (value === null) return [column, ''];
    assert(value instanceof Uint8Array, 'a text cast to a blob is bytes');
    if (isUtf8(value)) {
      return [column, Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()];
    }
    unreadable.push(column);
    return [column, Uint8Array.from(value)];
  });
  if (unreadable.length > 0) cells.push([TEXT_BYTES_KEY, unreadable.join(',')]);
  // By definition, not assignment: a column may be called __proto__.
  return Object.fromEntries(cells);
}

/** All rows of a table in their natural order; `tail` is SQL after the table's name. */
export function* exactRows(
  database: Database,
  table: string,
  columns: readonly string[],
  tail = '',
  ...values: readonly SqlValue[]
): IterableIterator<Row> {
  const sql = `SELECT ${exactColumns(columns)} FROM ${quoteName(table)} ${tail}`;
  for (const found of database.iterate(sql, ...values)) yield exactRow(columns, found);
}

/** The first row that `exactRows` would give. */
export function exactRowWhere(
  database: Database,
  table: string,
  columns: readonly string[],
  tail: string,
  ...values: readonly SqlValue[]
): Row | undefined {
  const sql = `SELECT ${exactColumns(columns)} FROM ${quoteName(table)} ${tail}`;
  const found = database.get(sql, ...values);
  return found === undefined ? undefined : exactRow(columns, found);
}

/** Inserts a row as `exactRows` gave it. */
export function insertExactRow(database: Database, table: string, row: Row): void {
  const asText = new Set(textBytesColumns(row));
  const columns = Object.keys(row).filter((column) => column !== TEXT_BYTES_KEY);
  const values: SqlValue[] = [];
  const places: string[] = [];
  for (const column of columns) {
    const value = row[column] ?? null;
    if (typeof value === 'string' && value.includes('\0')) {
      values.push(Buffer.from(value));
      places.push('CAST(? AS TEXT)');
    } else {
      values.push(value);
      places.push(asText.has(column) ? 'CAST(? AS TEXT)' : '?');
    }
  }
  const names = columns.map(quoteName).join(', ');
  database.run(
    `INSERT INTO ${quoteName(table)} (${names}) VALUES (${places.join(', ')})`,
    ...values,
  );
}

function textBytesColumns(row: Row): string[] {
  const listed = row[TEXT_BYTES_KEY];
  return typeof listed === 'string' ? listed.split(',') : [];
}

/** Whether the binding hands this string to SQLite unchanged; otherwise no row can bear it as its name. */
export function isStorableName(name: string): boolean {
  return !name.includes('\0') && !/\p{Surrogate}/u.test(name);
}

/** A column as text: bytes of a broken text are decoded with replacement characters. */
export function textOf(value: SqlValue | undefined): string {
  if (value === undefined || value === null) return '';
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  return String(value);
}

/** A row as bytes, for a column of the v2 store. */
export function packRow(row: Row): Uint8Array {
  return pack(row);
}

export function unpackRow(bytes: SqlValue): Row {
  assert(bytes instanceof Uint8Array, 'a packed row is bytes');
  return unpack(bytes) as Row;
}
