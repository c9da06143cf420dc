/** What a migration made, as texts that are equal for equal results. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { DatabaseSync } from '@photostructure/sqlite';

import { treeOf } from '../src/migrate/backup/tree.js';

/** How far the log of the store was applied, and in which steps: not what it holds. */
const BOOKKEEPING = /^agentic_flow_(?:meta|outcomes|vector_changes)$|^sqlite_/;
/** When and in which order rows were written. */
const NOT_COMPARED: ReadonlySet<string> = new Set(['seq', 'created_at_ms']);

/** Every row of the store and of the archive, and every other file but those that say when. */
export function resultOf(directory: string): string[] {
  const folder = join(directory, '.agentic-flow');
  const rows = ['memory.v2.db', 'v1-rows.db'].flatMap((name) => rowsOf(join(folder, name), name));
  const databases =
    /^\.agentic-flow\/(?:memory\.v2\.db|v1-rows\.db)|^\.agentic-flow\/migration\.json$/;
  const files = Object.keys(treeOf(directory))
    .filter((path) => !databases.test(path))
    .map((path) => `file ${path} ${contentOf(join(directory, path))}`);
  const manifest = JSON.parse(readFileSync(join(folder, 'migration.json'), 'utf8')) as object;
  const told = JSON.stringify({ ...manifest, migratedAt: '' });
  return [...rows, ...files, told].sort();
}

function rowsOf(path: string, name: string): string[] {
  if (!existsSync(path)) return [`${name} is missing`];
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
      .all()
      .map((row) => String((row as { name: unknown }).name))
      .filter((table) => !BOOKKEEPING.test(table));
    return tables.flatMap((table) =>
      database
        .prepare(`SELECT * FROM "${table}"`)
        .all()
        .map((row) => `${name} ${table} ${rowText(row as Record<string, unknown>)}`),
    );
  } finally {
    database.close();
  }
}

function rowText(row: Record<string, unknown>): string {
  const kept = Object.entries(row).filter(([column]) => !NOT_COMPARED.has(column));
  return JSON.stringify(kept, (_key, value: unknown) => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    return typeof value === 'bigint' ? String(value) : value;
  });
}

function contentOf(path: string): string {
  try {
    return readFileSync(path).toString('hex');
  } catch {
    return 'folder';
  }
}

/** The first lines that only one of both has. */
export function resultDifferences(a: readonly string[], b: readonly string[]): string[] {
  const inA = new Set(a);
  const inB = new Set(b);
  const shorten = (line: string): string => line.slice(0, 400);
  return [
    ...a.filter((line) => !inB.has(line)).map((line) => `only undisturbed: ${shorten(line)}`),
    ...b.filter((line) => !inA.has(line)).map((line) => `only after a kill: ${shorten(line)}`),
  ].slice(0, 6);
}
