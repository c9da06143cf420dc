/** Opens a throwaway copy of a database, as sound or as damaged, and tells what is in it. */
import { closeSync, openSync, readSync } from 'node:fs';

import { Database } from '../memory/database.js';
import { MemoryError } from '../memory/errors.js';
import { v1TablesOf } from '../memory/v1-file.js';
import { describeTable, isReadable, isUnreadable, type V1Table } from './database-table.js';
import { FINDINGS_MAX, THOROUGH_CHECK_BYTES_MAX } from './limits.js';
import { type SchemaLetter, schemaOf } from './schemas.js';

const MAGIC = Buffer.from('SQLite format 3\0');

/** What SQLite's check says of rows that can be read all the same. */
const RULE_BROKEN = /^(NULL value in|CHECK constraint failed in|(non-)?[A-Z]+ value in) /;

export interface OpenCopy {
  readonly state: 'ok' | 'damaged' | 'not-a-database';
  /** Undefined if nothing at all can be read. */
  readonly database: Database | undefined;
  readonly schema: SchemaLetter;
  readonly tables: readonly V1Table[];
  readonly findings: readonly string[];
}

/** Never throws for what is wrong with the file itself. `bytes` is its size. */
export function openCopy(path: string, bytes: number): OpenCopy {
  const sound = open(path, bytes, false);
  if (sound.state === 'ok' || !hasMagic(path)) return sound;
  sound.database?.close();
  const salvaged = open(path, bytes, true);
  const findings = [...new Set([...sound.findings, ...salvaged.findings])].slice(0, FINDINGS_MAX);
  return { ...salvaged, state: 'damaged', findings };
}

function open(path: string, bytes: number, salvage: boolean): OpenCopy {
  let database: Database | undefined;
  try {
    database = Database.open(path, { salvage });
    if (salvage) emptyLog(database);
    const names = tableNames(database);
    const schema = schemaOf(database, names);
    const described = names.map((name) => describeTable(database as Database, name));
    const tooWide = described.filter((table) => !isReadable(table));
    const wide = tooWide.map(({ name }) => `the table ${name} has no columns or too many to read`);
    const findings = findingsIn(database, bytes <= THOROUGH_CHECK_BYTES_MAX);
    const isSound = findings.every((finding) => RULE_BROKEN.test(finding));
    return {
      state: isSound ? 'ok' : 'damaged',
      database,
      schema,
      tables: described.filter(isReadable),
      findings: [...findings, ...wide],
    };
  } catch (error) {
    database?.close();
    if (!(error instanceof MemoryError) && !isSqlError(error)) throw error;
    const finding = causeOf(error);
    const state = /not a database/.test(finding) ? 'not-a-database' : 'damaged';
    return { state, database: undefined, schema: 'unknown', tables: [], findings: [finding] };
  }
}

/** What is read page by page must not miss what is in the log. */
function emptyLog(database: Database): void {
  try {
    database.checkpoint('TRUNCATE');
  } catch (error) {
    if (!isUnreadable(error) && !isSqlError(error)) throw error;
  }
}

/** Tables with rows of their own, also those of a known kind of virtual table. */
function tableNames(database: Database): string[] {
  const virtual = database
    .all(
      `SELECT t.name FROM pragma_table_list t JOIN sqlite_schema s ON s.name = t.name
       WHERE t.schema = 'main' AND t.type = 'virtual' AND s.sql NOT LIKE '%content=%'`,
    )
    .map(([name]) => String(name));
  return [...v1TablesOf(database), ...virtual.sort()];
}

/** A broken schema makes SQLite refuse statements; the binding gives such an error no code of damage. */
function isSqlError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR';
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}

/** What SQLite's own check finds wrong; empty if nothing. The thorough one compares indexes too. */
export function checkDatabase(database: Database, isThorough = false): string[] {
  const check = isThorough ? 'integrity_check' : 'quick_check';
  return database
    .all(`PRAGMA ${check}(${FINDINGS_MAX})`)
    .map(([finding]) => String(finding))
    .filter((finding) => finding !== 'ok')
    .flatMap((finding) => finding.split('\n'))
    .slice(0, FINDINGS_MAX);
}

/** A check that itself stumbles over the damage has found something too. */
function findingsIn(database: Database, isThorough: boolean): string[] {
  try {
    return checkDatabase(database, isThorough);
  } catch (error) {
    if (!isUnreadable(error) && !isSqlError(error)) throw error;
    return [causeOf(error)];
  }
}

function hasMagic(path: string): boolean {
  const descriptor = openSync(path, 'r');
  try {
    const found = Buffer.alloc(MAGIC.length);
    readSync(descriptor, found, 0, found.length, 0);
    return found.equals(MAGIC);
  } finally {
    closeSync(descriptor);
  }
}
