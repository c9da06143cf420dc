/**
 * Which memories got another vector since which log index, so that a snapshot of the vector index can
 * follow. Written in the transaction of the command; a row goes when a snapshot is past it.
 */
import { randomUUID } from 'node:crypto';
import type { Database } from './database.js';
import { FORGOTTEN_PER_STEP } from './limits.js';
import { LogPosition } from './log-position.js';

const CHANGES_TABLE = 'agentic_flow_vector_changes';
/** Names this content of this store: a snapshot of another is worth nothing here. */
const STORE_KEY = 'vector_store';
/** The journal tells what changed after the first index and up to the second. A release that does not
 * know it leaves the second behind. */
const FROM_KEY = 'vector_changes_from';
const INDEX_KEY = 'vector_changes_index';

export class VectorJournal {
  readonly #database: Database;
  readonly #position: LogPosition;

  constructor(database: Database) {
    this.#database = database;
    this.#position = new LogPosition(database);
    database.exec(
      `CREATE TABLE IF NOT EXISTS ${CHANGES_TABLE} (id TEXT PRIMARY KEY, log_index INTEGER NOT NULL)
         WITHOUT ROWID`,
    );
    if (this.#position.meta(INDEX_KEY) !== this.#position.appliedIndex) {
      database.transaction(() => this.begin(this.#position.appliedIndex));
    }
  }

  /** The name of this content; a snapshot made from it carries it. */
  get store(): string {
    return String(this.#position.meta(STORE_KEY));
  }

  /** The content is another from here on. In the caller's transaction. */
  begin(index: number): void {
    this.#database.exec(`DELETE FROM ${CHANGES_TABLE}`);
    this.#position.setMeta(STORE_KEY, randomUUID());
    this.#position.setMeta(FROM_KEY, index);
    this.#position.setMeta(INDEX_KEY, index);
  }

  /**
   * A copy of the file goes its own way: the engine that opens it first names its content anew. Otherwise
   * snapshots of the original, where the copy takes its place, would be taken for the copy's.
   */
  static rename(database: Database): void {
    new LogPosition(database).deleteMeta(INDEX_KEY);
  }

  /** Snapshots of an index before this one cannot be followed up any more. */
  get from(): number {
    return Number(this.#position.meta(FROM_KEY));
  }

  /** In the transaction that changes the vectors. */
  record(id: string, index: number): void {
    this.#database.run(
      `INSERT INTO ${CHANGES_TABLE} VALUES (?, ?)
       ON CONFLICT (id) DO UPDATE SET log_index = excluded.log_index`,
      id,
      index,
    );
  }

  /** In the transaction that moves the applied index. */
  setIndex(index: number): void {
    this.#position.setMeta(INDEX_KEY, index);
  }

  /** Memories whose vector may have changed after a log index. */
  changedSince(index: number): string[] {
    const rows = this.#database.all(`SELECT id FROM ${CHANGES_TABLE} WHERE log_index > ?`, index);
    return rows.map(([id]) => String(id));
  }

  countSince(index: number): number {
    const sql = `SELECT count(*) FROM ${CHANGES_TABLE} WHERE log_index > ?`;
    return this.#database.number(sql, index);
  }

  /**
   * Nobody asks for what changed up to this index any more. Its rows go in steps of one transaction each;
   * those that are left when somebody stops go with the next index.
   */
  *forget(index: number): Generator<undefined, void> {
    this.#database.transaction(() => this.#position.setMeta(FROM_KEY, index));
    for (let after = ''; ;) {
      const last = this.#database.get(
        `SELECT max(id) FROM (SELECT id FROM ${CHANGES_TABLE} WHERE id > ? ORDER BY id LIMIT ?)`,
        after,
        FORGOTTEN_PER_STEP,
      )?.[0];
      if (typeof last !== 'string') return;
      const sql = `DELETE FROM ${CHANGES_TABLE} WHERE id > ? AND id <= ? AND log_index <= ?`;
      this.#database.transaction(() => this.#database.run(sql, after, last, index));
      after = last;
      yield;
    }
  }
}
