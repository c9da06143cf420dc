/** What a store tells of itself. */
import { statSync } from 'node:fs';
import type { V2Engine } from '../v2-engine.js';
import type { CommitCounts } from './group-commit.js';
import { EXPIRY_TABLE } from '../expiry.js';
import { type StoreFile, type StoreModel } from './store-file.js';

export interface ThreadStats {
  readonly records: number;
  /** Of the records, those that have expired and are not yet deleted. */
  readonly expired: number;
  readonly edges: number;
  readonly vectors: number;
  /** Null until the first vector is stored. */
  readonly model: StoreModel | null;
  /** Of the database file, and the part of it that holds nothing; and of the log beside it. */
  readonly fileBytes: number;
  readonly freeBytes: number;
  readonly logBytes: number;
  /** Since the store was opened: transactions, operations in them, and syncs. */
  readonly commits: CommitCounts;
  /** How vectors are searched; null before the first search. */
  readonly index: ReturnType<V2Engine['vectorCounts']> | null;
}

export function statsOf(file: StoreFile, commits: CommitCounts, nowMs: number): ThreadStats {
  const { database, engine, model, path } = file;
  const pageBytes = database.number('PRAGMA page_size');
  const expired = `SELECT count(*) FROM ${EXPIRY_TABLE} WHERE expires_at_ms <= ?`;
  return {
    records: database.number('SELECT count(*) FROM records'),
    expired: database.number(expired, nowMs),
    edges: database.number('SELECT count(*) FROM edges'),
    vectors: database.number('SELECT count(*) FROM vectors'),
    model,
    fileBytes: database.number('PRAGMA page_count') * pageBytes,
    freeBytes: database.number('PRAGMA freelist_count') * pageBytes,
    logBytes: statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0,
    commits: { ...commits },
    index: engine.vectorCounts() ?? null,
  };
}
