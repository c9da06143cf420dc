/** The v1 installation the demo starts from, read by the demo's own eyes and never touched. */

import { DatabaseSync } from '@photostructure/sqlite';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { inspectV1Directory } from '../../src/v1/index.js';
import { DemoError } from './demo-error.js';

interface SourceLink {
  readonly from: string;
  readonly to: string;
  readonly relation: string;
  readonly weight: number;
}

/** The rows of the v1 installation, as SQLite gives them. */
export interface SourceRows {
  readonly memoryIds: readonly string[];
  readonly links: readonly SourceLink[];
  readonly trajectories: number;
  readonly entries: number;
}

const DATABASE = join('.swarm', 'memory.db');

/**
 * Reads the rows from a copy inside `scratch` of the database and its write-ahead log: opening the
 * original would check its log in, which changes the file.
 */
export function readSourceRows(source: string, scratch: string): SourceRows {
  const original = join(source, DATABASE);
  if (!existsSync(original)) {
    throw new DemoError('source', `no v1 installation in ${source}: it has no ${DATABASE}`);
  }
  const copies = mkdtempSync(join(scratch, 'source-'));
  try {
    const copy = join(copies, 'memory.db');
    copyFileSync(original, copy);
    if (existsSync(`${original}-wal`)) copyFileSync(`${original}-wal`, `${copy}-wal`);
    return readRows(copy, original);
  } finally {
    rmSync(copies, { recursive: true, force: true });
  }
}

function readRows(copy: string, original: string): SourceRows {
  const database = new DatabaseSync(copy);
  try {
    const tables = new Set(
      database
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
        .all()
        .map((row) => String(row['name'])),
    );
    const rows = (table: string, columns: string): Record<string, unknown>[] =>
      tables.has(table) ? database.prepare(`SELECT ${columns} FROM ${table}`).all() : [];
    return {
      memoryIds: rows('patterns', 'id').map((row) => String(row['id'])),
      links: rows('pattern_links', 'src_id, dst_id, relation, weight').map((row) => ({
        from: String(row['src_id']),
        to: String(row['dst_id']),
        relation: String(row['relation']),
        weight: Number(row['weight']),
      })),
      trajectories: rows('task_trajectories', 'rowid').length,
      entries: rows('memory_entries', 'rowid').length,
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DemoError('source', `${original} cannot be read as a v1 database: ${reason}`);
  } finally {
    database.close();
  }
}

/**
 * Moves everything of the write-ahead log into the database. The connection that wrote it ends only
 * when its statements are collected, so until then the log stays beside the database.
 */
export function settleDatabase(source: string): void {
  const database = new DatabaseSync(join(source, DATABASE));
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } finally {
    database.close();
  }
}

/** Copies the database alone, which `settleDatabase` has made complete. */
export function copyDatabase(from: string, to: string): void {
  mkdirSync(dirname(join(to, DATABASE)), { recursive: true });
  copyFileSync(join(from, DATABASE), join(to, DATABASE));
}

/** What v1 keeps beside its memory and this release leaves where it is: `path (what it is)`. */
export async function storesNotCarried(source: string): Promise<string[]> {
  const { others } = await inspectV1Directory(source);
  return others.map(({ path, kind, examination, files }) => {
    const rows = Object.values(examination?.rows ?? {}).reduce((sum, count) => sum + count, 0);
    const amount =
      examination !== undefined ? `, ${rows} rows` : files !== undefined ? `, ${files} files` : '';
    return `${path} (${kind}${amount})`;
  });
}

/** SHA-256 over the names, kinds and bytes of everything below a directory. */
export async function hashTree(directory: string): Promise<string> {
  const hash = createHash('sha256');
  const pending = [''];
  for (let relative = pending.pop(); relative !== undefined; relative = pending.pop()) {
    const path = join(directory, relative);
    const stat = lstatSync(path);
    if (stat.isDirectory()) {
      hash.update(`directory ${relative}\0`);
      const names = readdirSync(path).sort().reverse();
      pending.push(...names.map((name) => join(relative, name)));
    } else if (stat.isSymbolicLink()) hash.update(`link ${relative}\0${readlinkSync(path)}\0`);
    else if (stat.isFile()) {
      hash.update(`file ${relative}\0${stat.size}\0`);
      for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    } else hash.update(`other ${relative}\0`);
  }
  return hash.digest('hex');
}
