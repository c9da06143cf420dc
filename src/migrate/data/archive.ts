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

const COLUMNS = `r.seq, s.name, r.table_name, r.row_key, r.hash, r.outcome, r.target, r.reason,
  r.detail, r.row`;
const FROM = 'FROM v1_rows r JOIN v1_stores s ON s.store = r.store';

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
    const { where, values } = conditions(filter);
    const rows = this.#database.iterate(
      `SELECT ${COLUMNS} ${FROM} ${where} ORDER BY r.seq`,
      ...values,
    );
    for (const row of rows) yield archivedRow(row);
  }

  /** The first row of `find`. */
  get(filter: ArchiveFilter): ArchivedRow | undefined {
    const { where, values } = conditions(filter);
    const sql = `SELECT ${COLUMNS} ${FROM} ${where} ORDER BY r.seq LIMIT 1`;
    const row = this.#database.get(sql, ...values);
    return row === undefined ? undefined : archivedRow(row);
  }

  count(filter: ArchiveFilter = {}): number {
    const { where, values } = conditions(filter);
    return this.#database.number(`SELECT count(*) ${FROM} ${where}`, ...values);
  }

  /** Rows in quarantine, without the rows themselves. */
  *quarantine(): IterableIterator<QuarantinedEntry> {
    const rows = this.#database.iterate(
      `SELECT s.name, r.table_name, r.row_key, r.reason, r.detail ${FROM}
       WHERE r.outcome = 'quarantined' ORDER BY r.seq`,
    );
    for (const [store, table, key, reason, sentence] of rows) {
      yield {
        store: String(store),
        table: String(table),
        key: keyOfArchive(String(key)),
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

function conditions(filter: ArchiveFilter): { where: string; values: SqlValue[] } {
  const columns: readonly (readonly [string, SqlValue | undefined])[] = [
    ['s.name', filter.store],
    ['r.table_name', filter.table],
    ['r.row_key', filter.key === undefined ? undefined : archiveKey(filter.key)],
    ['r.target', filter.target],
    ['r.outcome', filter.outcome],
  ];
  const asked = columns.flatMap(([column, value]): [string, SqlValue][] => {
    return value === undefined ? [] : [[column, value]];
  });
  const where = asked.length === 0 ? '' : `WHERE ${asked.map(([c]) => `${c} = ?`).join(' AND ')}`;
  return { where, values: asked.map(([, value]) => value) };
}

function archivedRow(columns: readonly SqlValue[]): ArchivedRow {
  const [seq, store, table, key, hash, outcome, target, reason, sentence, row = null] = columns;
  return {
    seq: Number(seq),
    store: String(store),
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
