/** Walks a directory for files that may be stores, within bounds and without leaving it. */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { extname, join, relative, sep } from 'node:path';

import { translateFileError } from './errors.js';
import { ENTRIES_VISITED_MAX, WALK_DEPTH_MAX } from './limits.js';

const DATABASE_EXTENSIONS: ReadonlySet<string> = new Set([
  '.db',
  '.sqlite',
  '.sqlite3',
  '.db3',
  '',
]);
/** `.agentic-flow` is ours: the v2 store lies there. */
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['node_modules', '.git', '.agentic-flow']);
/** In the folder of a backup of ours, and how it begins; see `src/migrate/backup/manifest.ts`. */
const BACKUP_FILE = 'backup.json';
const BACKUP_START = '{"kind":"agentic-flow v1 backup"';
const MAGIC = 'SQLite format 3\0';

export interface Walk {
  /** Absolute paths of files that are SQLite's or are called like a database. */
  readonly databases: readonly string[];
  /** What could not be looked at, in sentences. */
  readonly problems: readonly string[];
}

/** Looks at `root` itself too; throws V1Error `no-permission` if that cannot be read. */
export function walkForDatabases(root: string): Walk {
  const databases: string[] = [];
  const problems: string[] = [];
  let visited = 0;
  const visit = (folder: string, depth: number): void => {
    for (const entry of entriesOf(folder, depth, problems)) {
      visited += 1;
      if (visited > ENTRIES_VISITED_MAX) return;
      const path = join(folder, entry.name);
      const isDatabase = DATABASE_EXTENSIONS.has(extname(entry.name));
      if (entry.isFile() && isDatabase && looksLikeDatabase(path)) databases.push(path);
      const isLink = entry.isSymbolicLink() && isDatabase && extname(entry.name) !== '';
      if (isLink && existsSync(path)) databases.push(path);
      if (!entry.isDirectory() || SKIPPED_FOLDERS.has(entry.name)) continue;
      if (depth < WALK_DEPTH_MAX && !isBackup(path)) visit(path, depth + 1);
    }
  };
  visit(root, 0);
  if (visited > ENTRIES_VISITED_MAX) {
    problems.push(
      `${root} holds more than ${ENTRIES_VISITED_MAX} files; databases in unusual places may be missed, name them by an environment variable`,
    );
  }
  return { databases: databases.sort(), problems };
}

function entriesOf(folder: string, depth: number, problems: string[]) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (depth === 0) throw translateFileError(error, folder);
    problems.push(`${folder} cannot be read by this user; stores in it are missed`);
    return [];
  }
}

function isBackup(folder: string): boolean {
  return startOf(join(folder, BACKUP_FILE), BACKUP_START.length) === BACKUP_START;
}

/** By its first bytes, or by its name when it is empty or its content may be spoilt. */
function looksLikeDatabase(path: string): boolean {
  return extname(path) !== '' || startOf(path, MAGIC.length) === MAGIC;
}

/** Undefined where the file cannot be read. */
function startOf(path: string, bytes: number): string | undefined {
  try {
    const descriptor = openSync(path, 'r');
    try {
      const found = Buffer.alloc(bytes);
      return found.toString('latin1', 0, readSync(descriptor, found, 0, bytes, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}

/** Regular files below a folder, up to a depth, by a test of their path from it with `/`. */
export function filesBelow(
  folder: string,
  depthMax: number,
  isWanted: (name: string) => boolean,
): string[] {
  const found: string[] = [];
  let visited = 0;
  const visit = (below: string, depth: number): void => {
    for (const entry of entriesOf(below, 1, [])) {
      visited += 1;
      if (visited > ENTRIES_VISITED_MAX) return;
      const path = join(below, entry.name);
      const isFolder = entry.isDirectory();
      if (isFolder && depth < depthMax) visit(path, depth + 1);
      const name = relative(folder, path).split(sep).join('/');
      if (!isFolder && isWanted(name) && existsSync(path)) found.push(path);
    }
  };
  if (existsSync(folder)) visit(folder, 0);
  return found.sort();
}

/** The file behind a path, links followed; undefined if it is none or cannot be looked at. */
export function identityOf(
  path: string,
): { real: string; inode: string; bytes: number } | undefined {
  try {
    const found = statSync(path, { bigint: true });
    if (!found.isFile()) return undefined;
    const real = realpathSync(path);
    return { real, inode: `${found.dev}:${found.ino}`, bytes: Number(found.size) };
  } catch {
    return undefined;
  }
}

/** Whether a path lies in a folder; both absolute and without links. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === '' || (!way.startsWith('..') && !way.startsWith(sep));
}
