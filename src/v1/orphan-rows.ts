/**
 * Rows of a damaged database that lie on sound pages to which no tree leads any more, since a page above
 * them is damaged or cut off. Such a page is given to a table only if it is not free and exactly one
 * damaged table can have rows of its form; what is left would be guessing.
 */
import { statSync } from 'node:fs';

import type { Database, SqlValue } from '../memory/database.js';
import { type Row, TEXT_BYTES_KEY } from '../memory/exact-row.js';
import {
  isScannable,
  isUnreadable,
  placedRow,
  type PlacedRow,
  type V1Table,
} from './database-table.js';
import { PageFile, type RawRow } from './page-file.js';

/** What a column can hold by the type it was declared with; see sqlite.org/datatype3.html. */
type Affinity = 'text' | 'integer' | 'real' | 'any';

interface Form {
  readonly table: V1Table;
  readonly affinities: readonly Affinity[];
  readonly isNeeded: readonly boolean[];
  /** Index of the column that is the rowid under another name, -1 if none. */
  readonly rowidColumn: number;
}

export class OrphanRows {
  readonly #file: PageFile | undefined;
  readonly #pages = new Map<string, number[]>();
  readonly #forms = new Map<string, Form>();

  constructor(database: Database, tables: readonly V1Table[]) {
    const damaged = tables.filter((table) => table.rowid && !isScannable(database, table));
    // The pages of the file are old where a write-ahead log could not be moved into it.
    const isOld = (statSync(`${database.path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
    this.#file = damaged.length === 0 || isOld ? undefined : PageFile.open(database.path);
    if (this.#file === undefined) return;
    for (const table of damaged) this.#forms.set(table.name, formOf(database, table));
    this.#search(this.#file, database);
  }

  #search(file: PageFile, database: Database): void {
    const owned = file.freePages();
    // Without these, rows that v1 deleted would come back.
    if (owned === undefined) return;
    for (const root of [1, ...rootsOf(database)]) {
      for (const page of file.treeOf(root)) owned.add(page);
    }
    const forms = [...this.#forms.values()];
    for (let page = 2; page <= file.pages; page += 1) {
      const rows = owned.has(page) ? undefined : file.leafRows(page);
      if (rows === undefined || rows.length === 0) continue;
      const fitting = forms.filter((form) => rows.every((row) => fits(form, row)));
      const [only] = fitting;
      if (only === undefined || fitting.length > 1) continue;
      const { name } = only.table;
      this.#pages.set(name, [...(this.#pages.get(name) ?? []), page]);
    }
  }

  *of(table: V1Table): IterableIterator<PlacedRow> {
    const form = this.#forms.get(table.name);
    if (form === undefined) return;
    for (const page of this.#pages.get(table.name) ?? []) {
      for (const row of this.#file?.leafRows(page) ?? []) yield placed(form, row);
    }
  }

  close(): void {
    this.#file?.close();
  }
}

/** Of the trees that are known; those of a table whose line in the schema is lost stay unknown. */
function rootsOf(database: Database): number[] {
  const roots: number[] = [];
  try {
    const sql = 'SELECT rootpage FROM sqlite_schema WHERE rootpage > 0';
    for (const [root] of database.iterate(sql)) roots.push(Number(root));
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
  return roots;
}

function formOf(database: Database, table: V1Table): Form {
  const described = database.all(
    `SELECT name, upper(type), "notnull", pk FROM pragma_table_info(?)`,
    table.name,
  );
  const aliases = described.map(([, type, , pk]) => type === 'INTEGER' && pk === 1);
  return {
    table,
    affinities: described.map(([, type]) => affinityOf(String(type))),
    isNeeded: described.map(([, , notNull]) => notNull === 1),
    rowidColumn: table.key.length === 1 ? aliases.indexOf(true) : -1,
  };
}

function affinityOf(type: string): Affinity {
  if (type.includes('INT')) return 'integer';
  if (/CHAR|CLOB|TEXT/.test(type)) return 'text';
  if (/REAL|FLOA|DOUB/.test(type)) return 'real';
  return 'any';
}

function fits({ affinities, isNeeded, rowidColumn }: Form, { values }: RawRow): boolean {
  if (values.length !== affinities.length) return false;
  return values.every(({ value, isText }, i) => {
    // The file holds NULL for a column that is the rowid.
    if (i === rowidColumn) return value === null;
    if (value === null) return isNeeded[i] !== true;
    const isNumber = typeof value === 'number' || typeof value === 'bigint';
    if (affinities[i] === 'text') return !isNumber;
    if (affinities[i] === 'integer' || affinities[i] === 'real') return !isText;
    return true;
  });
}

function placed({ table, affinities, rowidColumn }: Form, { rowid, values }: RawRow): PlacedRow {
  const broken: string[] = [];
  const cells = table.columns.map((column, i): [string, SqlValue] => {
    const { value = null, isText = false } = values[i] ?? {};
    if (isText && value instanceof Uint8Array) broken.push(column);
    if (i === rowidColumn) return [column, rowid];
    // A whole number in such a column is kept as an integer and read as a real.
    return [column, affinities[i] === 'real' && typeof value === 'bigint' ? Number(value) : value];
  });
  if (broken.length > 0) cells.push([TEXT_BYTES_KEY, broken.join(',')]);
  const row: Row = Object.fromEntries(cells);
  return placedRow(table, rowid, row);
}
