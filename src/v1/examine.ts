/** Opens a temporary copy of a database to see what it is, so that the original is not touched. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Database } from '../memory/database.js';
import { MemoryError } from '../memory/errors.js';
import { quoteName } from '../memory/exact-row.js';
import { v1TablesOf } from '../memory/v1-file.js';
import { copyDatabase } from './copy-file.js';
import { V1Error } from './errors.js';
import { FINDINGS_MAX } from './limits.js';
import { type SchemaLetter, schemaOf } from './schemas.js';

/** What a file with the name of a database turned out to be. */
export interface Examination {
  readonly state: 'ok' | 'empty-file' | 'not-a-database' | 'damaged' | 'unreadable';
  readonly schema: SchemaLetter;
  readonly bytes: number;
  /** Bytes of the write-ahead log; what is in there is not in the file yet. */
  readonly walBytes: number;
  /** Rows by table, as far as they can be counted. */
  readonly rows: Readonly<Record<string, number>>;
  /** What is wrong, in SQLite's words. */
  readonly findings: readonly string[];
}

/** Never throws for what is wrong with the file itself. */
export async function examine(path: string): Promise<Examination> {
  const bytes = sizeOf(path);
  const walBytes = sizeOf(`${path}-wal`);
  const base = { schema: 'unknown' as SchemaLetter, bytes, walBytes, rows: {} };
  if (bytes === 0 && walBytes === 0) {
    return { ...base, state: 'empty-file', findings: ['the file has 0 bytes'] };
  }
  const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-'));
  try {
    const copy = join(folder, 'copy.db');
    await copyDatabase(path, copy);
    return { ...base, ...examineCopy(copy) };
  } catch (error) {
    if (!(error instanceof V1Error)) throw error;
    return { ...base, state: 'unreadable', findings: [error.message] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function examineCopy(path: string): Pick<Examination, 'state' | 'schema' | 'rows' | 'findings'> {
  let database: Database | undefined;
  let schema: SchemaLetter = 'unknown';
  const rows: Record<string, number> = {};
  try {
    database = Database.open(path);
    const tables = v1TablesOf(database);
    schema = schemaOf(database, tables);
    const findings = checkDatabase(database);
    for (const table of tables) {
      rows[table] = database.number(`SELECT count(*) FROM ${quoteName(table)}`);
    }
    return { state: findings.length === 0 ? 'ok' : 'damaged', schema, rows, findings };
  } catch (error) {
    if (!(error instanceof MemoryError)) throw error;
    const state = error.code === 'not-a-database' ? 'not-a-database' : 'damaged';
    const cause = error.cause instanceof Error ? error.cause.message : error.message;
    return { state, schema, rows, findings: [cause] };
  } finally {
    database?.close();
  }
}

/** What SQLite's own check finds wrong; empty if nothing. */
export function checkDatabase(database: Database): string[] {
  return database
    .all(`PRAGMA quick_check(${FINDINGS_MAX})`)
    .map(([finding]) => String(finding))
    .filter((finding) => finding !== 'ok')
    .flatMap((finding) => finding.split('\n'))
    .slice(0, FINDINGS_MAX);
}
