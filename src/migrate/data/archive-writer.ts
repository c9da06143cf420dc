/** Writes the archive of a migration; the caller owns the transactions. */
import { Database, type SqlValue } from '../../memory/database.js';
import { packRow, type Row } from '../../memory/exact-row.js';
import type { LostRows, V1Store } from '../../v1/rows.js';
import {
  ARCHIVE_APPLICATION_ID,
  ARCHIVE_TABLES,
  ARCHIVE_VERSION,
  checkArchive,
  REFERENCES_TABLE,
} from './archive.js';
import type { Outcome, Reason } from './contract.js';
import { PAGE_CACHE_KIB } from './limits.js';
import { archiveKey } from './names.js';
import type { Refused } from './placements/placement.js';

/** What became of a row, and with what result: exactly one of target and refusal is there. */
export interface Fate {
  readonly outcome: Outcome;
  readonly target?: string;
  /** Hash of what the store has at the target. */
  readonly made?: string;
  readonly refused?: Refused;
}

export interface SourceRow {
  readonly store: number;
  readonly table: string;
  readonly key: string;
  readonly hash: string;
  readonly row: Row;
}

/** A line of the archive that a row of v1 has already. */
export interface KnownRow {
  readonly seq: number;
  readonly hash: string;
  readonly outcome: Outcome;
  readonly target: string | null;
  readonly reason: string | null;
  readonly made: string | null;
}

/** A line of the archive that led to a record. */
export interface TargetLine {
  readonly store: number;
  readonly table: string;
  readonly made: string | null;
}

/** A line of a row that became a record. */
export interface MemoryLine {
  readonly seq: number;
  /** As the archive has it. */
  readonly rowKey: string;
  readonly target: string;
  readonly row: SqlValue;
}

/** A foreign key of a row: where it stands, */
export interface ReferencePlace {
  readonly store: number;
  readonly table: string;
  /** As the archive has it. */
  readonly rowKey: string;
  readonly column: string;
}

/** and what became of it. */
export interface ReferenceLine extends ReferencePlace {
  /** Key of the row that it names. */
  readonly value: string;
  readonly outcome: 'edge' | 'quarantined';
  readonly target: string | null;
  readonly reason: Reason | null;
  readonly sentence: string | null;
}

export class ArchiveWriter {
  readonly database: Database;
  /** Lines that were added or replaced since somebody emptied it; undefined: nobody asks. */
  written: Set<number> | undefined;
  #lastSeq: number;

  private constructor(database: Database) {
    this.database = database;
    this.#lastSeq = database.number('SELECT max(seq) FROM v1_rows');
  }

  /** Makes the file where none is. Throws what `openArchive` does. */
  static open(path: string, { create = false } = {}): ArchiveWriter {
    const database = Database.open(path, { create });
    try {
      const isNew = database.number('SELECT count(*) FROM sqlite_schema') === 0;
      if (isNew && create) {
        database.useWriteAheadLog();
        database.transaction(() => {
          database.exec(ARCHIVE_TABLES);
          database.exec(`PRAGMA application_id = ${ARCHIVE_APPLICATION_ID}`);
          database.exec(`PRAGMA user_version = ${ARCHIVE_VERSION}`);
        });
      } else {
        checkArchive(database);
        database.useWriteAheadLog();
      }
      database.transaction(() => database.exec(REFERENCES_TABLE));
      database.exec(`PRAGMA cache_size = -${PAGE_CACHE_KIB}`);
      return new ArchiveWriter(database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Number of a store by its name; it is added when it is not there. */
  storeNumber(store: V1Store): number {
    const { name, path, family, format, state, findings } = store;
    this.database.run(
      `INSERT INTO v1_stores (name, path, family, format, state, findings) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET path = excluded.path, family = excluded.family,
         format = excluded.format, state = excluded.state, findings = excluded.findings`,
      name,
      path,
      family,
      format,
      state,
      JSON.stringify(findings),
    );
    return this.database.number('SELECT store FROM v1_stores WHERE name = ?', name);
  }

  add({ store, table, key, hash, row }: SourceRow, fate: Fate): void {
    this.#lastSeq += 1;
    this.written?.add(this.#lastSeq);
    this.database.run(
      'INSERT INTO v1_rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      this.#lastSeq,
      store,
      table,
      archiveKey(key),
      hash,
      ...columnsOf(row, fate),
    );
  }

  /** The row has changed in v1, and what was made of it with it. */
  replace(seq: number, { hash, row }: SourceRow, fate: Fate): void {
    this.written?.add(seq);
    this.database.run(
      `UPDATE v1_rows SET hash = ?, outcome = ?, target = ?, reason = ?, detail = ?, made = ?, row = ?
       WHERE seq = ?`,
      hash,
      ...columnsOf(row, fate),
      seq,
    );
  }

  /** All lines of a row, the oldest first: more than one where v1 and v2 have changed it. */
  known(store: number, table: string, key: string): KnownRow[] {
    const rows = this.database.all(
      `SELECT seq, hash, outcome, target, reason, made FROM v1_rows
       WHERE store = ? AND table_name = ? AND row_key = ? ORDER BY seq`,
      store,
      table,
      archiveKey(key),
    );
    return rows.map(([seq, hash, outcome, target = null, reason = null, made = null]) => ({
      seq: Number(seq),
      hash: String(hash),
      outcome: String(outcome) as Outcome,
      target: target as string | null,
      reason: reason as string | null,
      made: made as string | null,
    }));
  }

  /** Rows that became the record with this key, the oldest first. */
  linesOf(target: string): TargetLine[] {
    const rows = this.database.all(
      `SELECT store, table_name, made FROM v1_rows WHERE target = ? AND outcome = 'memory'
       ORDER BY seq`,
      target,
    );
    return rows.map(([store, table, made = null]) => {
      return { store: Number(store), table: String(table), made: made as string | null };
    });
  }

  /** Key of the record that a row of v1 became, or whose embedding it is. */
  targetOf(store: number, table: string, key: string): string | undefined {
    const row = this.database.get(
      `SELECT target FROM v1_rows WHERE store = ? AND table_name = ? AND row_key = ?
         AND outcome IN ('memory', 'vector') LIMIT 1`,
      store,
      table,
      archiveKey(key),
    );
    return row === undefined ? undefined : String(row[0]);
  }

  /** Forgets all rows, and what helps to find them. */
  clear(): void {
    this.database.transaction(() => {
      this.database.exec(
        `DROP INDEX IF EXISTS v1_rows_by_key; DROP INDEX IF EXISTS v1_rows_by_target;
         DROP INDEX IF EXISTS v1_rows_quarantined;
         DELETE FROM v1_rows; DELETE FROM v1_stores; DELETE FROM v1_lost; DELETE FROM v1_references`,
      );
    });
    this.#lastSeq = 0;
  }

  /** Forgets the rows behind a place: those that the store does not have yet. */
  cutBehind(seq: number): void {
    this.database.transaction(() => this.database.run('DELETE FROM v1_rows WHERE seq > ?', seq));
    this.#lastSeq = this.database.number('SELECT max(seq) FROM v1_rows');
  }

  /** A line with all its columns. */
  line(seq: number): SqlValue[] {
    return this.database.get('SELECT * FROM v1_rows WHERE seq = ?', seq) ?? [];
  }

  /** Puts a line of `line` where it was. */
  putLine(line: readonly SqlValue[]): void {
    this.database.run(
      'INSERT OR REPLACE INTO v1_rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...line,
    );
    this.#lastSeq = Math.max(this.#lastSeq, Number(line[0]));
  }

  /** Rows of a table that became records, the next ones behind a line. */
  memoryLines(store: number, table: string, after: number, limit: number): MemoryLine[] {
    // In the order of the lines without sorting those of the whole table.
    const rows = this.database.all(
      `SELECT seq, row_key, target, row FROM v1_rows NOT INDEXED
       WHERE seq > ? AND store = ? AND table_name = ? AND outcome = 'memory' ORDER BY seq LIMIT ?`,
      after,
      store,
      table,
      limit,
    );
    return rows.map(([seq, rowKey, target, row = null]) => {
      return { seq: Number(seq), rowKey: String(rowKey), target: String(target), row };
    });
  }

  /** Undefined if nothing is known of it. */
  reference(place: ReferencePlace): ReferenceLine | undefined {
    const found = this.database.get(
      `SELECT value, outcome, target, reason, detail FROM v1_references ${AT_PLACE}`,
      ...valuesOf(place),
    );
    if (found === undefined) return undefined;
    const [value, outcome, target = null, reason = null, sentence = null] = found;
    return {
      ...place,
      value: String(value),
      outcome: outcome as ReferenceLine['outcome'],
      target: target as string | null,
      reason: reason as Reason | null,
      sentence: sentence as string | null,
    };
  }

  setReference({ value, outcome, target, reason, sentence, ...place }: ReferenceLine): void {
    this.database.run(
      'INSERT OR REPLACE INTO v1_references VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...valuesOf(place),
      value,
      outcome,
      target,
      reason,
      sentence,
    );
  }

  removeReference(place: ReferencePlace): void {
    this.database.run(`DELETE FROM v1_references ${AT_PLACE}`, ...valuesOf(place));
  }

  /** Once all memories are in: edges and vectors look for them by their keys. */
  indexKeys(): void {
    this.database.exec(
      'CREATE INDEX IF NOT EXISTS v1_rows_by_key ON v1_rows (store, table_name, row_key)',
    );
  }

  /** Where a row is known by the record that it became. */
  indexTargets(): void {
    this.database.exec(
      'CREATE INDEX IF NOT EXISTS v1_rows_by_target ON v1_rows (target) WHERE target IS NOT NULL',
    );
  }

  /** What readers ask by, made when nothing is written any more. */
  finish(lost: readonly (readonly [store: number, lost: LostRows])[]): void {
    this.indexKeys();
    this.indexTargets();
    this.database.exec(
      `CREATE INDEX IF NOT EXISTS v1_rows_quarantined ON v1_rows (outcome) WHERE outcome = 'quarantined'`,
    );
    this.database.transaction(() => {
      this.database.exec('DELETE FROM v1_lost');
      for (const [store, { table, count, reason }] of lost) {
        this.database.run('INSERT INTO v1_lost VALUES (?, ?, ?, ?)', store, table, count, reason);
      }
    });
  }

  close(): void {
    this.database.close();
  }
}

const AT_PLACE = 'WHERE store = ? AND table_name = ? AND row_key = ? AND column_name = ?';

function valuesOf({ store, table, rowKey, column }: ReferencePlace): SqlValue[] {
  return [store, table, rowKey, column];
}

/** What a line says of a row: from its outcome to the row itself. */
function columnsOf(row: Row, { outcome, target, refused, made }: Fate): SqlValue[] {
  const { reason = null, sentence = null } = refused ?? {};
  return [outcome, target ?? null, reason, sentence, made ?? null, packRow(row)];
}
