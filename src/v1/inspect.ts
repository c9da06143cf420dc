/** Looks at a v1 directory without changing anything in it, for those who serve its memory as it is. */
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { discoverInstallation, MEMORY_FILE } from './discover.js';
import { V1Error } from './errors.js';
import { isJsonFormat } from './json-reading.js';
import { STORES_LISTED_MAX } from './limits.js';
import type { V1Store } from './rows.js';
import type { SchemaLetter } from './schemas.js';

/** What a file with the name of a database turned out to be. */
export interface Examination {
  readonly state: 'ok' | 'empty-file' | 'not-a-database' | 'damaged' | 'unreadable';
  readonly schema: SchemaLetter;
  readonly bytes: number;
  /** Bytes of the write-ahead log; what is in there is not in the file yet. */
  readonly walBytes: number;
  /** Rows by table, as far as they can be read. */
  readonly rows: Readonly<Record<string, number>>;
  /** What is wrong, in SQLite's words. */
  readonly findings: readonly string[];
}

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

const SCHEMA_KINDS: Readonly<Partial<Record<SchemaLetter, string>>> = {
  A: 'another reasoningbank memory',
  B: 'reasoningbank memory of the float64 kind',
  C: 'agentdb',
  D: 'agentdb 1.0',
  E: 'hive-mind',
  F: 'federation hub',
  G: 'extended memory of claude-flow',
};

/** Throws `no-installation` if there is no such directory, `no-permission` if it cannot be read. */
export async function inspectV1Directory(directory: string): Promise<V1Inspection> {
  const root = resolve(directory);
  const stores = await databasesIn(root);
  const memory = stores.find(({ path }) => path === join(root, MEMORY_FILE));
  const others: OtherStore[] = stores
    .filter((store) => store !== memory)
    .map((store) => {
      const examination = examinationOf(store);
      const kind = SCHEMA_KINDS[examination.schema] ?? 'unreadable store';
      return { path: store.name, kind, examination };
    })
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  for (const [path, kind] of KNOWN_PATHS) {
    const found = statSync(join(root, path), { throwIfNoEntry: false });
    if (found?.isFile() === true) others.push({ path, kind });
    if (found?.isDirectory() !== true) continue;
    const files = countFiles(join(root, path));
    if (files > 0) others.push({ path, kind, files });
  }
  return {
    directory: root,
    memory: memory && examinationOf(memory),
    others: others.slice(0, STORES_LISTED_MAX),
  };
}

/** Of the directory alone: what the environment and the home name belongs to more than this one. */
async function databasesIn(root: string): Promise<readonly V1Store[]> {
  try {
    const { stores } = await discoverInstallation(root, { home: root, env: {} });
    return stores.filter(({ format }) => !isJsonFormat(format));
  } catch (error) {
    const isDirectory = statSync(root, { throwIfNoEntry: false })?.isDirectory() === true;
    if (error instanceof V1Error && error.code === 'no-installation' && isDirectory) return [];
    throw error;
  }
}

function examinationOf({ format, state, bytes, walBytes, rows, findings }: V1Store): Examination {
  const schema = isJsonFormat(format) ? 'unknown' : format;
  return { state: state === 'empty' ? 'ok' : state, schema, bytes, walBytes, rows, findings };
}

function countFiles(folder: string): number {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).length;
}
