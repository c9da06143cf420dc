/**
 * When memories expire, in a table beside them. It repeats what the memories say, so that what is due is
 * found without reading them; the writers of both files keep it up, in the transaction of the memory.
 */
import type { Database } from './database.js';
import type { SearchQuery } from './engine.js';
import { TIMESTAMP_MAX_MS } from './limits.js';

export const EXPIRY_TABLE = 'agentic_flow_expiry';

/** Creates the table when it is missing. */
export function createExpiry(database: Database): void {
  database.exec(
    `CREATE TABLE IF NOT EXISTS ${EXPIRY_TABLE} (id TEXT PRIMARY KEY,
       expires_at_ms INTEGER NOT NULL) WITHOUT ROWID;
     CREATE INDEX IF NOT EXISTS agentic_flow_expiry_by_time ON ${EXPIRY_TABLE} (expires_at_ms)`,
  );
}

/** Remembers when a memory expires; undefined: never, or it is not there. */
export function putExpiry(database: Database, id: string, expiresAtMs: number | undefined): void {
  if (expiresAtMs === undefined) {
    database.run(`DELETE FROM ${EXPIRY_TABLE} WHERE id = ?`, id);
  } else {
    database.run(`REPLACE INTO ${EXPIRY_TABLE} VALUES (?, ?)`, id, expiresAtMs);
  }
}

/** Some of the memories that have expired by then, the earliest first. */
export function expiredIds(database: Database, nowMs: number, limit: number): string[] {
  const sql = `SELECT id FROM ${EXPIRY_TABLE} WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ?`;
  return database.all(sql, nowMs, limit).map(([id]) => String(id));
}

/** The query without its condition on expiry, where all memories meet it: that condition has a price. */
export function withNeededExpiry(database: Database, query: SearchQuery): SearchQuery {
  const { aliveAtMs, ...rest } = query;
  if (aliveAtMs === undefined) return query;
  return expiredIds(database, aliveAtMs, 1).length === 0 ? rest : query;
}

/** Whether this can be the time of an expiry: whole milliseconds since 1970 that a Date can hold. */
export function isExpiry(value: unknown): value is number {
  const isWhole = typeof value === 'number' && Number.isSafeInteger(value);
  return isWhole && value >= 0 && value <= TIMESTAMP_MAX_MS;
}
