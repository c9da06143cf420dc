/** v1 installations below a folder, and what is known of each from files beside them. */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs';
import { basename, dirname, extname, join, relative, sep } from 'node:path';

export interface ExpectedStore {
  /** Relative to the installation. */
  readonly name: string;
  readonly isSound: boolean;
  /** By table. */
  readonly rows: Readonly<Record<string, number>>;
}

export interface OracleInstallation {
  /** Relative to the folder that the oracle was given. */
  readonly name: string;
  readonly path: string;
  /** From `expected.json`; undefined if nothing is known. */
  readonly expected: readonly ExpectedStore[] | undefined;
  /** From `_recoverable.json`: rows by table that a salvage must give at least. */
  readonly recoverable: Readonly<Record<string, number>> | undefined;
  /** No byte of its databases can be data: a migration has to refuse it. */
  readonly isHopeless: boolean;
}

const MARKS = [
  '.swarm',
  '.hive-mind',
  '.agentdb',
  '.claude',
  '.claude-flow',
  '.mcp.json',
  'memory/memory-store.json',
  'claude-flow.config.json',
  'router.config.json',
  'config/router.config.json',
  'reasoningbank.yaml',
];
const DATABASE_EXTENSIONS: ReadonlySet<string> = new Set(['.db', '.sqlite', '.sqlite3']);
const DEPTH_MAX = 8;

interface ExpectedFile {
  readonly integrity?: string;
  readonly open_error?: string;
  readonly rows: Readonly<Record<string, unknown>>;
}

type Recoverable = Readonly<Record<string, Readonly<Record<string, { ok: number }>>>>;

/** The outermost folders that hold something of v1, sorted by name. */
export function findInstallations(root: string): OracleInstallation[] {
  const known = readJson<Record<string, ExpectedFile>>(join(root, 'expected.json')) ?? {};
  const found: OracleInstallation[] = [];
  const visit = (folder: string, depth: number): void => {
    if (isInstallation(folder)) {
      found.push(describe(root, folder, known));
      return;
    }
    if (depth > DEPTH_MAX) return;
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const isOpen = entry.isDirectory() && !/^(?:\.|node_modules$|_home$)/.test(entry.name);
      if (isOpen) visit(join(folder, entry.name), depth + 1);
    }
  };
  visit(root, 0);
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isInstallation(folder: string): boolean {
  if (MARKS.some((mark) => existsSync(join(folder, mark)))) return true;
  return databasesIn(folder).length > 0 || databasesIn(join(folder, 'data')).length > 0;
}

function databasesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => DATABASE_EXTENSIONS.has(extname(name)));
}

function describe(
  root: string,
  path: string,
  known: Readonly<Record<string, ExpectedFile>>,
): OracleInstallation {
  const name = relative(root, path).split(sep).join('/') || '.';
  const prefix = name === '.' ? '' : `${name}/`;
  const expected = Object.entries(known)
    .filter(([file]) => file.startsWith(prefix))
    .map(([file, facts]) => expectedStore(file.slice(prefix.length), facts));
  const salvage = readJson<Recoverable>(join(dirname(path), '_recoverable.json'))?.[basename(path)];
  const recoverable =
    salvage === undefined
      ? undefined
      : Object.fromEntries(Object.entries(salvage).map(([table, { ok }]) => [table, ok]));
  return {
    name,
    path,
    expected: expected.length === 0 ? undefined : expected,
    recoverable,
    isHopeless: isHopeless(path),
  };
}

function expectedStore(name: string, facts: ExpectedFile): ExpectedStore {
  // A name with two underscores is a remark on a table.
  const rows = Object.entries(facts.rows).filter(
    (row): row is [string, number] => typeof row[1] === 'number' && !row[0].includes('__'),
  );
  const isSound = facts.open_error === undefined && (facts.integrity ?? 'ok') === 'ok';
  return { name, isSound, rows: Object.fromEntries(rows) };
}

function readJson<T>(path: string): T | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined;
}

/** The least that SQLite needs is one page. */
const PAGE_BYTES_MIN = 512;

function isHopeless(folder: string): boolean {
  const files = readdirSync(folder, { recursive: true }).map(String);
  const stores = files.filter((file) => DATABASE_EXTENSIONS.has(extname(file)));
  const hasJson = existsSync(join(folder, 'memory/memory-store.json'));
  return stores.length > 0 && !hasJson && stores.every((file) => holdsNothing(join(folder, file)));
}

function holdsNothing(database: string): boolean {
  if ((statSync(`${database}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) return false;
  const { size } = statSync(database);
  if (size < PAGE_BYTES_MIN) return true;
  const first = Buffer.alloc(15);
  const file = openSync(database, 'r');
  readSync(file, first);
  closeSync(file);
  return first.toString('latin1') !== 'SQLite format 3';
}
