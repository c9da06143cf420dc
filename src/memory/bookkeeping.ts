/**
 * Rows of ours that travel in a dump beside the v1 rows, so that whoever restores it goes on exactly
 * as the source would: outcomes, verdicts on poisoned links, and the schema of the v1 file.
 */
import type { Database } from './database.js';
import type { ApplyOutcome, DumpRecord } from './engine.js';
import { textOf } from './exact-row.js';
import { LogPosition, META_TABLE, OUTCOMES_TABLE } from './log-position.js';

const VERDICTS_TABLE = 'agentic_flow_link_verdicts';
/** Not a table: the `sqlite_schema` of the v1 file, one record an object. */
export const SCHEMA_RECORDS = 'agentic_flow_schema';

/** Dimensions of the embeddings in the v1 file. */
export const DIMENSIONS_KEY = 'embedding_dimensions';

/** Creates the tables that both stores share. */
export function createBookkeeping(database: Database): void {
  LogPosition.createTables(database);
  database.exec(
    `CREATE TABLE IF NOT EXISTS ${VERDICTS_TABLE} (src_id TEXT NOT NULL, dst_id TEXT NOT NULL,
       relation TEXT NOT NULL, PRIMARY KEY (src_id, dst_id, relation)) WITHOUT ROWID`,
  );
}

/** Bookkeeping of a store as dump records. */
export function* dumpBookkeeping(database: Database): IterableIterator<DumpRecord> {
  const dimensions = new LogPosition(database).meta(DIMENSIONS_KEY) ?? null;
  yield { table: META_TABLE, row: { key: DIMENSIONS_KEY, value: dimensions } };
  const outcomes = database.iterate(`SELECT log_index, position, outcome FROM ${OUTCOMES_TABLE}`);
  for (const [log_index = null, position = null, outcome = null] of outcomes) {
    yield { table: OUTCOMES_TABLE, row: { log_index, position, outcome } };
  }
  const verdicts = database.iterate(`SELECT src_id, dst_id, relation FROM ${VERDICTS_TABLE}`);
  for (const [src_id = null, dst_id = null, relation = null] of verdicts) {
    yield { table: VERDICTS_TABLE, row: { src_id, dst_id, relation } };
  }
}

/** Takes a record of `dumpBookkeeping`; false if it is none. */
export function restoreBookkeeping(database: Database, { table, row }: DumpRecord): boolean {
  if (table === META_TABLE) {
    if (row['key'] === DIMENSIONS_KEY) {
      new LogPosition(database).setMeta(DIMENSIONS_KEY, row['value'] ?? null);
    }
  } else if (table === OUTCOMES_TABLE) {
    const outcome = textOf(row['outcome']) as ApplyOutcome;
    new LogPosition(database).record(Number(row['log_index']), Number(row['position']), outcome);
  } else if (table === VERDICTS_TABLE) {
    const { src_id, dst_id, relation } = row;
    addVerdict(database, textOf(src_id), textOf(dst_id), textOf(relation));
  } else {
    return false;
  }
  return true;
}

/** Empties outcomes and verdicts before a restore. */
export function clearBookkeeping(database: Database): void {
  database.exec(`DELETE FROM ${OUTCOMES_TABLE}; DELETE FROM ${VERDICTS_TABLE}`);
}

export function addVerdict(database: Database, from: string, to: string, relation: string): void {
  database.run(`INSERT OR IGNORE INTO ${VERDICTS_TABLE} VALUES (?, ?, ?)`, from, to, relation);
}

export function dropVerdict(database: Database, from: string, to: string, relation: string): void {
  database.run(
    `DELETE FROM ${VERDICTS_TABLE} WHERE src_id = ? AND dst_id = ? AND relation = ?`,
    from,
    to,
    relation,
  );
}

/** The verdicts on all links of a memory. */
export function dropVerdictsOf(database: Database, id: string): void {
  database.run(`DELETE FROM ${VERDICTS_TABLE} WHERE src_id = ? OR dst_id = ?`, id, id);
}

export function hasVerdict(
  database: Database,
  from: string,
  to: string,
  relation: string,
): boolean {
  const sql = `SELECT 1 FROM ${VERDICTS_TABLE} WHERE src_id = ? AND dst_id = ? AND relation = ?`;
  return database.get(sql, from, to, relation) !== undefined;
}
