/** One table of a copied v1 database: its rows, exact, each with a key that names it. */
import { createHash } from 'node:crypto';

import type { Database, SqlValue } from '../memory/database.js';
import { MemoryError } from '../memory/errors.js';
import {
  COLUMNS_MAX,
  columnsOf,
  exactColumns,
  exactRow,
  packRow,
  quoteName,
  type Row,
  TEXT_BYTES_KEY,
} from '../memory/exact-row.js';
import { salvageRows } from '../memory/store/salvage.js';
import type { V1Row } from './rows.js';

/** Between the columns of a primary key in a row's name. */
export const KEY_SEPARATOR = '\u001f';

export interface V1Table {
  readonly name: string;
  readonly columns: readonly string[];
  /** Columns of the primary key in their order, empty if there is none. */
  readonly key: readonly KeyColumn[];
  /** The name that gives the rowid; undefined for tables without. */
  readonly rowid: string | undefined;
}

interface KeyColumn {
  readonly name: string;
  /** Whether the column turns numbers into texts, so that 1 and '1' cannot both be in it. */
  readonly keepsTexts: boolean;
  readonly keepsIntegers: boolean;
}

export function describeTable(database: Database, name: string): V1Table {
  const columns = columnsOf(database, name);
  const key = database
    .all(`SELECT name, type FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk`, name)
    .map(([column, type]) => {
      const declared = String(type).toUpperCase();
      const keepsIntegers = declared.includes('INT');
      const keepsTexts = !keepsIntegers && /CHAR|CLOB|TEXT/.test(declared);
      return { name: String(column), keepsTexts, keepsIntegers };
    });
  const taken = new Set(columns.map((column) => column.toLowerCase()));
  const free = ['rowid', '_rowid_', 'oid'].find((alias) => !taken.has(alias));
  return { name, columns, key, rowid: hasRowid(database, name) ? free : undefined };
}

function hasRowid(database: Database, table: string): boolean {
  const sql = `SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?`;
  return database.get(sql, table)?.[0] !== 1;
}

/** Whether SQLite can select all columns at once. */
export function isReadable(table: V1Table): boolean {
  return table.columns.length > 0 && table.columns.length <= COLUMNS_MAX;
}

/** A row and its place in the table; the place is undefined in a table without rowids. */
export interface PlacedRow extends V1Row {
  readonly rowid: SqlValue | undefined;
}

/** All rows of a sound table in their natural order. */
export function* soundRows(database: Database, table: V1Table): IterableIterator<PlacedRow> {
  const place = table.rowid ?? 'NULL';
  const sql = `SELECT ${place}, ${exactColumns(table.columns)} FROM ${quoteName(table.name)} NOT INDEXED`;
  for (const [rowid, ...values] of database.iterate(sql)) {
    yield placedRow(table, rowid, exactRow(table.columns, values));
  }
}

/** The rows that can be reached in a damaged table; some perhaps twice. */
export function* salvagedRows(database: Database, table: V1Table): IterableIterator<PlacedRow> {
  const columns = exactColumns(table.columns);
  const name = quoteName(table.name);
  if (table.rowid === undefined) {
    yield* bothEnds(database, table, `SELECT ${columns} FROM ${name} NOT INDEXED`);
    return;
  }
  for (const [rowid, ...values] of salvageRows(database, name, [columns], table.rowid)) {
    yield placedRow(table, rowid, exactRow(table.columns, values));
  }
}

/** Without rowids: from the first row up to damage, and from the last one down to it. */
function* bothEnds(
  database: Database,
  table: V1Table,
  select: string,
): IterableIterator<PlacedRow> {
  const order = table.key.map(({ name }) => quoteName(name));
  for (const direction of ['ASC', 'DESC']) {
    const by = order.map((column) => `${column} ${direction}`).join(', ');
    const rows = upToDamage(database, `${select} ORDER BY ${by}`);
    let next = rows.next();
    for (; next.done !== true; next = rows.next())
      yield placedRow(table, undefined, exactRow(table.columns, next.value));
    if (next.value === 'end') return;
  }
}

function* upToDamage(
  database: Database,
  sql: string,
): Generator<SqlValue[], 'end' | 'damage', undefined> {
  try {
    yield* database.iterate(sql);
    return 'end';
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return 'damage';
  }
}

/** Rows by the pages of the table itself; undefined where damage stops the count. */
export function countRows(database: Database, { name }: V1Table): number | undefined {
  try {
    return database.number(`SELECT count(*) FROM ${quoteName(name)} NOT INDEXED`);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return undefined;
  }
}

/** Whether its tree leads to all of its pages. */
export function isScannable(database: Database, table: V1Table): boolean {
  return countRows(database, table) !== undefined;
}

/** Whether SQLite could not read what is there, as opposed to a mistake of ours. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof MemoryError && ['damaged', 'io', 'not-a-database'].includes(error.code);
}

export function placedRow(table: V1Table, rowid: SqlValue | undefined, row: Row): PlacedRow {
  return { table: table.name, key: keyOf(table, row, rowid), row, rowid };
}

/** Only a key that no other row can have is taken as it is. */
function keyOf(table: V1Table, row: Row, rowid: SqlValue | undefined): string {
  const broken = row[TEXT_BYTES_KEY];
  const parts = table.key.map((column) => keyPart(column, row[column.name] ?? null));
  if (parts.length > 0 && broken === undefined && !parts.includes(undefined)) {
    return parts.join(KEY_SEPARATOR);
  }
  if (table.rowid !== undefined) return `rowid:${String(rowid)}`;
  const named = table.key.map(({ name }) => [name, row[name] ?? null] as const);
  const hash = createHash('sha256').update(packRow(Object.fromEntries(named)));
  return `key:${hash.digest('hex')}`;
}

function keyPart(column: KeyColumn, value: SqlValue): string | undefined {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : undefined;
  }
  if (typeof value !== 'string' || value.includes(KEY_SEPARATOR)) return undefined;
  if (/^(rowid|key):/.test(value)) return undefined;
  const isTellable = column.keepsTexts || column.keepsIntegers || !/^-?\d+$/.test(value);
  return isTellable ? value : undefined;
}
