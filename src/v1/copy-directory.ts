/** Copies the memory of a v1 installation to where a node may serve or migrate it. */
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { Database, syncFile } from '../memory/database.js';
import { MemoryError, translateError } from '../memory/errors.js';
import { quoteName } from '../memory/exact-row.js';
import { recogniseV1, v1TablesOf } from '../memory/v1-file.js';
import { copyDatabase } from './copy-file.js';
import { translateFileError, V1Error } from './errors.js';
import { MEMORY_FILE } from './discover.js';
import { checkDatabase } from './open-copy.js';

export interface CopiedDirectory {
  /** The copied database. */
  readonly path: string;
  /** Rows by table in the copy. */
  readonly rows: Readonly<Record<string, number>>;
}

/**
 * Copies `.swarm/memory.db` of `source`, with what is still in its write-ahead log, to
 * `destination/.swarm/memory.db`, checked by SQLite. Reads the source only. Throws `no-installation`,
 * `not-a-database`, `damaged`, `busy`, `no-permission`, `disk-full`, `destination-taken`, and then
 * leaves nothing behind.
 */
export async function copyV1Directory(
  source: string,
  destination: string,
): Promise<CopiedDirectory> {
  const from = join(resolve(source), MEMORY_FILE);
  const to = join(resolve(destination), MEMORY_FILE);
  requireDatabase(resolve(source), from);
  if (existsSync(to)) {
    throw new V1Error('destination-taken', `${to} exists already; choose another directory`, to);
  }
  let created: string | undefined;
  try {
    created = mkdirSync(dirname(to), { recursive: true });
    await copyDatabase(from, to);
    const rows = checkCopy(to, from);
    syncFile(to, 'must-exist');
    syncFile(dirname(to), 'must-exist');
    return { path: to, rows };
  } catch (error) {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(to + suffix, { force: true });
    if (created !== undefined) rmSync(created, { recursive: true, force: true });
    throw asV1Error(translateFileError(error, to), from, to);
  }
}

function requireDatabase(directory: string, path: string): void {
  let found: ReturnType<typeof statSync>;
  try {
    found = statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw translateFileError(error, path);
  }
  if (found === undefined || !found.isFile()) {
    const sentence = `there is no agentic-flow v1 in ${directory}: ${MEMORY_FILE} is missing; check the path`;
    throw new V1Error('no-installation', sentence, directory);
  }
  const walBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (found.size === 0 && walBytes === 0) {
    const sentence = `${path} has 0 bytes, there is nothing in it to read; restore it from a backup`;
    throw new V1Error('not-a-database', sentence, path);
  }
}

/** Opening the copy also moves what was in the write-ahead log into the file. */
function checkCopy(path: string, source: string): Record<string, number> {
  const database = Database.open(path);
  try {
    const findings = checkDatabase(database);
    if (findings.length > 0) throw damaged(source, findings.join('; '));
    recogniseV1(database);
    const rows: Record<string, number> = {};
    for (const table of v1TablesOf(database)) {
      rows[table] = database.number(`SELECT count(*) FROM ${quoteName(table)}`);
    }
    database.useSingleFile();
    return rows;
  } finally {
    database.close();
  }
}

function damaged(source: string, detail: string): V1Error {
  const sentence = `${source} is damaged (${detail}); restore it from a backup, this release does not salvage`;
  return new V1Error('damaged', sentence, source);
}

function asV1Error(error: unknown, source: string, copy: string): unknown {
  const translated = translateError(error, copy);
  if (!(translated instanceof MemoryError)) return translated;
  const cause = translated.cause instanceof Error ? translated.cause.message : '';
  switch (translated.code) {
    case 'not-a-database':
    case 'invalid': {
      const detail = translated.message.replaceAll(copy, source);
      return new V1Error('not-a-database', detail, source, error);
    }
    case 'damaged':
      return damaged(source, cause);
    case 'disk-full':
      return new V1Error('disk-full', translated.message, copy, error);
    case 'read-only':
      return new V1Error('no-permission', translated.message, copy, error);
    default:
      return translated;
  }
}
