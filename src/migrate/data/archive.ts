/**
 * The archive `v1-rows.db`: every row of v1 exactly as it was, in one line each, with what became of it.
 * Made by a migration, read by whatever needs what the store does not carry.
 */
import { Database, type SqlValue } from '../../memory/database.js';
import { MemoryError } from '../../memory/errors.js';
import { type Row, textOf, unpackRow } from '../../memory/exact-row.js';
import type { V1Store } from '../../v1/rows.js';
import type { Outcome, QuarantinedEntry, Reason } from './contract.js';
import { archiveKey, keyOfArchive } from './names.js';

/** `PRAGMA application_id` of archives: "AFv1". */
export const ARCHIVE_APPLICATION_ID = 0x41467631;
/** Version of the tables below, in `PRAGMA user_version`. */
export const ARCHIVE_VERSION = 1;

export const ARCHIVE_TABLES = `
  CREATE TABLE v1_stores (store INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, path TEXT NOT NULL,
    family TEXT NOT NULL, format TEXT NOT NULL, state TEXT NOT NULL, findings TEXT NOT NULL);
  -- hash: of table and row (rowHash). made: hash of what the store has at the target.
  CREATE TABLE v1_rows (seq INTEGER PRIMARY KEY, store INTEGER NOT NULL, table_name TEXT NOT NULL,
    row_key TEXT NOT NULL, hash TEXT NOT NULL, outcome TEXT NOT NULL, target TEXT, reason TEXT,
    detail TEXT, made TEXT, row BLOB NOT NULL);
  -- Rows that are there and that nobody can read.
  CREATE TABLE v1_lost (store INTEGER NOT NULL, table_name TEXT NOT NULL, count INTEGER NOT NULL,
    reason TEXT NOT NULL);`;

/**
 * Rows that name another one by a foreign key, as edges or with the reason why not. Archives of releases before
 * have no such table.
 */
export const REFERENCES_TABLE = `
  CREATE TABLE IF NOT EXISTS v1_references (store INTEGER NOT NULL, table_name TEXT NOT NULL,
    row_key TEXT NOT NULL, column_name TEXT NOT NULL, value TEXT NOT NULL, outcome TEXT NOT NULL,
    target TEXT, reason TEXT, detail TEXT, PRIMARY KEY (store, table_name, row_key, column_name))
    WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS v1_references_by_target ON v1_references (target);`;

/** Whether an archive has the table of references. */
export function hasReferences(database: Database): boolean {
  const sql = `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'v1_references'`;
  return database.get(sql) !== undefined;
}

/** A foreign key of v1 that became no edge. */
export interface RefusedReference {
  readonly store: string;
  readonly table: string;
  readonly key: string;
  readonly column: string;
  readonly reason: Reason;
  readonly sentence: string;
}

/** A row of v1 in the archive. */
export interface ArchivedRow {
  readonly seq: number;
  /** Name of the store. */
  readonly store: string;
  readonly table: string;
  readonly key: string;
  readonly hash: string;
  readonly outcome: Outcome;
  /** Key of the record, or `edgeTarget`; null for a row in quarantine. */
  readonly target: string | null;
  readonly reason: Reason | null;
  /** The reason in words. */
  readonly sentence: string | null;
  readonly row: Row;
}

export interface ArchiveFilter {
  readonly store?: string | undefined;
  readonly table?: string | undefined;
  readonly key?: string | undefined;
  readonly target?: string | undefined;
  readonly outcome?: Outcome | undefined;
}

export interface ArchivedStore extends Pick<
  V1Store,
  'name' | 'path' | 'family' | 'format' | 'state' | 'findings'
> {
  readonly store: number;
}

export interface ArchivedLoss {
  readonly store: string;
  readonly table: string;
  readonly count: number;
  readonly reason: string;
}

/**
 * Opens an archive to be read, also while somebody else has it open. Throws `not-found`,
 * `not-a-database`, `newer-version`, `damaged`.
 */
export function openArchive(path: string, { readOnly = true } = {}): Archive {
  const database = Database.open(path, { readOnly });
  try {
    checkArchive(database);
    return new Archive(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Throws `not-a-database` and `newer-version`. */
export function checkArchive(database: Database): void {
  const { path } = database;
  if (database.number('PRAGMA application_id') !== ARCHIVE_APPLICATION_ID) {
    const sentence = `${path} is no archive of a migration from v1; check the path`;
    throw new MemoryError('not-a-database', sentence, path);
  }
  const version = database.number('PRAGMA user_version');
  if (version > ARCHIVE_VERSION) {
    const sentence = `${path} has format ${version}, this release reads up to ${ARCHIVE_VERSION}; upgrade`;
    throw new MemoryError('newer-version', sentence, path);
  }
}

const COLUMNS = 'seq, store, table_name, row_key, hash, outcome, target, reason, detail, row';

/** Made by `openArchive`. */
export class Archive {
  readonly path: string;
  readonly #database: Database;

  constructor(database: Database) {
    this.path = database.path;
    this.#database = database;
  }

  stores(): ArchivedStore[] {
    const rows = this.#database.all(
      'SELECT store, name, path, family, format, state, findings FROM v1_stores ORDER BY store',
    );
    return rows.map(([store, name, path, family, format, state, findings]) => {
      const texts = { name: String(name), path: String(path) };
      const kinds = { family, format, state } as Pick<ArchivedStore, 'family' | 'format' | 'state'>;
      return { store: Number(store), ...texts, ...kinds, findings: JSON.parse(textOf(findings)) };
    });
  }

  /** Rows in the order of their migration, with the memory of one row. */
  *find(filter: ArchiveFilter = {}): IterableIterator<ArchivedRow> {
    const names = this.#names();
    const { from, values } = this.#asked(filter, names);
    const sql = `SELECT ${COLUMNS} ${from} ORDER BY seq`;
    for (const row of this.#database.iterate(sql, ...values)) yield archivedRow(row, names);
  }

  /** The first row of `find`. */
  get(filter: ArchiveFilter): ArchivedRow | undefined {
    const names = this.#names();
    const { from, values } = this.#asked(filter, names);
    const row = this.#database.get(`SELECT ${COLUMNS} ${from} ORDER BY seq LIMIT 1`, ...values);
    return row === undefined ? undefined : archivedRow(row, names);
  }

  count(filter: ArchiveFilter = {}): number {
    const { where, values } = this.#asked(filter, this.#names());
    return this.#database.number(`SELECT count(*) FROM v1_rows ${where}`, ...values);
  }

  #names(): Map<number, string> {
    const rows = this.#database.all('SELECT store, name FROM v1_stores');
    return new Map(rows.map(([store, name]) => [Number(store), String(name)]));
  }

  #asked(
    filter: ArchiveFilter,
    names: ReadonlyMap<number, string>,
  ): { from: string; where: string; values: SqlValue[] } {
    const { store, table, key, target, outcome } = filter;
    const parts: string[] = [];
    const values: SqlValue[] = [];
    const ask = (column: string, value: SqlValue | undefined): void => {
      if (value === undefined) return;
      parts.push(`${column} = ?`);
      values.push(value);
    };
    if (store !== undefined) ask('store', [...names].find(([, name]) => name === store)?.[0] ?? -1);
    // The index by key begins with the store.
    else if (key !== undefined) parts.push(`store IN (${[...names.keys()].join(', ')})`);
    ask('table_name', table);
    ask('row_key', key === undefined ? undefined : archiveKey(key));
    ask('target', target);
    // Named in the text, or SQLite does not see that it may use the index of these alone.
    const isRefused = outcome === 'quarantined';
    if (isRefused) parts.push(`outcome = 'quarantined'`);
    else ask('outcome', outcome);
    const where = parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`;
    // Many rows come in the order of the table, since sorting them would hold them all.
    const isOfFew = key !== undefined || target !== undefined || isRefused;
    return { from: `FROM v1_rows ${isOfFew ? '' : 'NOT INDEXED'} ${where}`, where, values };
  }

  /** Rows in quarantine, without the rows themselves. */
  *quarantine(): IterableIterator<QuarantinedEntry> {
    const names = this.#names();
    const rows = this.#database.iterate(
      `SELECT store, table_name, row_key, reason, detail FROM v1_rows
       WHERE outcome = 'quarantined' ORDER BY seq`,
    );
    for (const [store, table, key, reason, sentence] of rows) {
      yield {
        store: names.get(Number(store)) ?? '',
        table: String(table),
        key: keyOfArchive(String(key)),
        reason: String(reason) as Reason,
        sentence: String(sentence),
      };
    }
  }

  /** Foreign keys of v1 that lead nowhere; the rows that have them arrived all the same. */
  *refusedReferences(): IterableIterator<RefusedReference> {
    if (!hasReferences(this.#database)) return;
    const names = this.#names();
    const rows = this.#database.iterate(
      `SELECT store, table_name, row_key, column_name, reason, detail FROM v1_references
       WHERE outcome = 'quarantined' ORDER BY store, table_name, column_name, row_key`,
    );
    for (const [store, table, key, column, reason, sentence] of rows) {
      yield {
        store: names.get(Number(store)) ?? '',
        table: String(table),
        key: keyOfArchive(String(key)),
        column: String(column),
        reason: String(reason) as Reason,
        sentence: String(sentence),
      };
    }
  }

  lost(): ArchivedLoss[] {
    const rows = this.#database.all(
      `SELECT s.name, l.table_name, l.count, l.reason FROM v1_lost l
       JOIN v1_stores s ON s.store = l.store ORDER BY l.rowid`,
    );
    return rows.map(([store, table, count, reason]) => {
      return {
        store: String(store),
        table: String(table),
        count: Number(count),
        reason: String(reason),
      };
    });
  }

  close(): void {
    this.#database.close();
  }
}

function archivedRow(
  columns: readonly SqlValue[],
  names: ReadonlyMap<number, string>,
): ArchivedRow {
  const [seq, store, table, key, hash, outcome, target, reason, sentence, row = null] = columns;
  return {
    seq: Number(seq),
    store: names.get(Number(store)) ?? '',
    table: String(table),
    key: keyOfArchive(String(key)),
    hash: String(hash),
    outcome: String(outcome) as Outcome,
    target: (target ?? null) as string | null,
    reason: (reason ?? null) as Reason | null,
    sentence: (sentence ?? null) as string | null,
    row: unpackRow(row),
  };
}
