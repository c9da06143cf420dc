/** Looks at a v1 directory without changing anything in it. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { extname, join, relative, resolve, sep } from 'node:path';

import { translateFileError, V1Error } from './errors.js';
import { type Examination, examine } from './examine.js';
import { ENTRIES_VISITED_MAX, WALK_DEPTH_MAX, STORES_LISTED_MAX } from './limits.js';

/** Where v1 keeps its memory, below the directory of an installation. */
export const MEMORY_FILE = join('.swarm', 'memory.db');

/** A store or a configuration of v1 that this release does not carry over. */
export interface OtherStore {
  /** Relative to the directory. */
  readonly path: string;
  readonly kind: string;
  /** For databases. */
  readonly examination?: Examination;
  /** For folders: how many files. */
  readonly files?: number;
}

export interface V1Inspection {
  readonly directory: string;
  /** `.swarm/memory.db`, or undefined if there is none. */
  readonly memory: Examination | undefined;
  /** Everything else of v1, so that nothing is left behind in silence. */
  readonly others: readonly OtherStore[];
}

/** Configuration that v1 reads, and folders whose files count as one thing. */
const KNOWN_PATHS: readonly (readonly [path: string, kind: string])[] = [
  ['.swarm/reasoningbank.yaml', 'reasoningbank settings'],
  ['reasoningbank.yaml', 'reasoningbank settings'],
  ['.hive-mind/config.json', 'hive-mind settings'],
  ['.hive-mind/config', 'hive-mind settings'],
  ['.hive-mind/sessions', 'hive-mind sessions'],
  ['memory/memory-store.json', 'basic memory of claude-flow'],
  ['.claude-flow/metrics', 'metrics of claude-flow'],
  ['.claude/agents', 'agent definitions'],
  ['.claude/commands', 'commands'],
  ['.claude/skills', 'skills'],
  ['.claude/helpers', 'scripts'],
  ['.claude/settings.json', 'settings of Claude Code'],
  ['.claude/settings.local.json', 'settings of Claude Code'],
  ['.mcp.json', 'MCP servers'],
  ['router.config.json', 'model router settings'],
  ['config/router.config.json', 'model router settings'],
  ['.env', 'environment'],
  ['claude-flow.config.json', 'settings of claude-flow'],
];

/** Databases that belong to v1 whatever is in them; others count if their schema is v1's. */
const KNOWN_DATABASES: ReadonlySet<string> = new Set([
  'agentdb.db',
  '.agentdb/reasoningbank.db',
  '.hive-mind/hive.db',
  '.hive-mind/memory.db',
]);

const SCHEMA_KINDS: Readonly<Record<string, string>> = {
  A: 'another reasoningbank memory',
  B: 'reasoningbank memory of the float64 kind',
  C: 'agentdb',
  D: 'agentdb 1.0',
  E: 'hive-mind',
  F: 'federation hub',
};

const DATABASE_EXTENSIONS: ReadonlySet<string> = new Set(['.db', '.sqlite', '.sqlite3']);
/** `.agentic-flow` is ours: the v2 store lies there. */
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['node_modules', '.git', '.agentic-flow']);

/** Throws `no-installation` if there is no such directory, `no-permission` if it cannot be read. */
export async function inspectV1Directory(directory: string): Promise<V1Inspection> {
  const root = resolve(directory);
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new V1Error('no-installation', `${root} is no directory; check the path`, root);
  }
  const memoryFile = join(root, MEMORY_FILE);
  const memory = existsSync(memoryFile) ? await examine(memoryFile) : undefined;
  const others: OtherStore[] = [];
  for (const path of findDatabases(root)) {
    const name = relative(root, path).split(sep).join('/');
    if (path === memoryFile) continue;
    const examination = await examine(path);
    const isV1 = examination.schema in SCHEMA_KINDS;
    if (!isV1 && !KNOWN_DATABASES.has(name) && !name.startsWith('.swarm/')) continue;
    const kind = SCHEMA_KINDS[examination.schema] ?? 'unreadable store';
    others.push({ path: name, kind, examination });
  }
  for (const [path, kind] of KNOWN_PATHS) {
    const found = statSync(join(root, path), { throwIfNoEntry: false });
    if (found?.isFile() === true) others.push({ path, kind });
    if (found?.isDirectory() !== true) continue;
    const files = countFiles(join(root, path));
    if (files > 0) others.push({ path, kind, files });
  }
  return { directory: root, memory, others: others.slice(0, STORES_LISTED_MAX) };
}

function findDatabases(root: string): string[] {
  const found: string[] = [];
  let visited = 0;
  const visit = (folder: string, depth: number): void => {
    for (const entry of entriesOf(folder)) {
      visited += 1;
      if (visited > ENTRIES_VISITED_MAX) return;
      const path = join(folder, entry.name);
      if (entry.isFile() && DATABASE_EXTENSIONS.has(extname(entry.name))) found.push(path);
      const isOpen = entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name);
      if (isOpen && depth < WALK_DEPTH_MAX) visit(path, depth + 1);
    }
  };
  visit(root, 0);
  return found.sort();
}

function entriesOf(folder: string): ReturnType<typeof readEntries> {
  try {
    return readEntries(folder);
  } catch (error) {
    throw translateFileError(error, folder);
  }
}

function readEntries(folder: string) {
  return readdirSync(folder, { withFileTypes: true });
}

function countFiles(folder: string): number {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).length;
}
