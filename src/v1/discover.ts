/** Finds every store and configuration file of a v1 installation, without changing anything. */
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';

import { findConfigs, type FoundConfig, TELLING_KINDS } from './config-files.js';
import { type NamedPath, readEnvironment } from './environment.js';
import { V1Error } from './errors.js';
import { CONFIG_BYTES_MAX, STORES_LISTED_MAX } from './limits.js';
import { filesProblems } from './problems.js';
import { examineStore } from './reading.js';
import type {
  ConfigKind,
  DiscoverOptions,
  StoreFormat,
  V1ConfigFile,
  V1Installation,
  V1Store,
} from './rows.js';
import { versionsOf } from './versions.js';
import { filesBelow, identityOf, isInside, walkForDatabases } from './walk.js';

/** Where v1 keeps its memory, below the directory of an installation. */
export const MEMORY_FILE = join('.swarm', 'memory.db');

/** Databases that belong to v1 whatever is in them; others count if their schema is v1's. */
const KNOWN_DATABASES: readonly string[] = [
  MEMORY_FILE,
  'agentdb.db',
  join('.agentdb', 'reasoningbank.db'),
  join('.hive-mind', 'hive.db'),
  join('.hive-mind', 'memory.db'),
];

interface Candidate {
  readonly path: string;
  readonly format?: StoreFormat;
  /** Whether it is v1's whatever is in it. */
  readonly isCertain: boolean;
}

/**
 * Throws V1Error `no-installation` if there is nothing of v1, `no-permission` if the directory cannot be
 * read. Writes nothing below the directory.
 */
export async function discoverInstallation(
  directory: string,
  options: DiscoverOptions = {},
): Promise<V1Installation> {
  const root = resolve(directory);
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new V1Error('no-installation', `${root} is no directory; check the path`, root);
  }
  const home = resolve(options.home ?? homedir());
  const search = new Search(root, home, options);
  const stores = await search.stores();
  const configs = search.configs();
  if (stores.length === 0 && !configs.some((config) => isTelling(config, root))) {
    const sentence = `there is nothing of agentic-flow v1 in ${root}; check the path`;
    throw new V1Error('no-installation', sentence, root);
  }
  const versions = versionsOf(root, stores);
  const problems = [...search.problems, ...filesProblems(stores, configs)];
  return { directory: root, home, stores, configs, versions, problems };
}

/** Whether a configuration file shows by itself that v1 was here. */
function isTelling({ path, kind, bytes }: V1ConfigFile, root: string): boolean {
  if (!isInside(path, root)) return false;
  if (TELLING_KINDS.has(kind)) return true;
  if (bytes > CONFIG_BYTES_MAX) return false;
  try {
    return /claude-flow|agentic-flow|agentdb|ruv-swarm/i.test(readFileSync(path, 'utf8'));
  } catch {
    // What may not be read shows nothing.
    return false;
  }
}

/** One search; collects what it stumbles over. */
class Search {
  readonly problems: string[] = [];
  readonly #root: string;
  readonly #home: string;
  readonly #realRoots: readonly string[];
  readonly #options: DiscoverOptions;
  readonly #environment: ReturnType<typeof readEnvironment>;
  readonly #seen = new Set<string>();

  constructor(root: string, home: string, options: DiscoverOptions) {
    this.#root = root;
    this.#home = home;
    this.#options = options;
    this.#realRoots = [root, home].filter((path) => existsSync(path)).map((p) => realpathSync(p));
    this.#environment = readEnvironment(root, options.env ?? process.env);
  }

  async stores(): Promise<V1Store[]> {
    const { signal, onProgress } = this.#options;
    const candidates = this.#candidates();
    const stores: V1Store[] = [];
    const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-v1-'));
    try {
      for (const [done, { path, format, isCertain }] of candidates.entries()) {
        signal?.throwIfAborted();
        onProgress?.(done, candidates.length);
        const name = this.#nameOf(path);
        const store = await examineStore(
          format === undefined ? { path, name } : { path, name, format },
          folder,
        );
        if (isCertain || isV1(store)) stores.push(store);
      }
      onProgress?.(candidates.length, candidates.length);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return stores;
  }

  /** In the order in which the stores are listed; a file that has two names counts once. */
  #candidates(): Candidate[] {
    const known = KNOWN_DATABASES.map((name) => join(this.#root, name));
    const { databases, problems } = walkForDatabases(this.#root);
    this.problems.push(...problems);
    const found = [
      ...known.slice(0, 1).map(certain),
      ...this.#environment.databases.map(({ path }) => certain(path)),
      ...known.slice(1).map(certain),
      ...jsonStores(this.#root),
      ...databases.map((path) => ({ path, isCertain: this.#isInSwarm(path) })),
    ].filter(({ path }) => this.#isNew(path));
    this.#noteMissing(this.#environment.databases);
    if (found.length > STORES_LISTED_MAX) {
      this.problems.push(
        `${found.length} stores were found, the first ${STORES_LISTED_MAX} are read`,
      );
    }
    return found.slice(0, STORES_LISTED_MAX);
  }

  #isInSwarm(path: string): boolean {
    return isInside(path, join(this.#root, '.swarm'));
  }

  #noteMissing(named: readonly NamedPath[]): void {
    for (const { variable, path } of named) {
      if (identityOf(path) !== undefined || existsSync(`${path}-wal`)) continue;
      this.problems.push(`${variable} names ${this.#nameOf(path)}, which is no file`);
    }
  }

  /** Whether there is such a file, seen for the first time, that may be followed. */
  #isNew(path: string): boolean {
    const identity = identityOf(path);
    if (identity === undefined) this.#noteBrokenLink(path);
    if (identity === undefined || this.#seen.has(identity.inode)) return false;
    const isNamed = this.#environment.databases.some((named) => named.path === path);
    const isAllowed = isNamed || this.#realRoots.some((root) => isInside(identity.real, root));
    if (!isAllowed) {
      const sentence = `${this.#nameOf(path)} is a link out of the directory to ${identity.real}; it is not followed`;
      if (!this.problems.includes(sentence)) this.problems.push(sentence);
      return false;
    }
    this.#seen.add(identity.inode);
    return true;
  }

  /** Where v1 had its memory, on a disk that is not mounted perhaps. */
  #noteBrokenLink(path: string): void {
    let target: string;
    try {
      target = readlinkSync(path);
    } catch {
      // It is no link, or not there, as most of these are.
      return;
    }
    const sentence = `${this.#nameOf(path)} is a link to ${target}, which is no file`;
    if (!this.problems.includes(sentence)) this.problems.push(sentence);
  }

  configs(): V1ConfigFile[] {
    const { envFile, router } = this.#environment;
    const named: FoundConfig[] = findConfigs(this.#root, this.#home);
    if (router !== undefined) named.push({ path: router.path, kind: 'router' });
    if (envFile !== undefined) named.push({ path: envFile, kind: 'env' });
    const always = new Set([router?.path, envFile]);
    return named.flatMap(({ path, kind }): V1ConfigFile[] => {
      const identity = identityOf(path);
      if (identity === undefined) {
        if (path === router?.path) this.#noteMissing([router]);
        return [];
      }
      if (!always.has(path) && !this.#isNew(path)) return [];
      if (always.has(path) && this.#seen.has(identity.inode)) return [];
      this.#seen.add(identity.inode);
      return [{ path, name: this.#nameOf(path), kind: kind as ConfigKind, bytes: identity.bytes }];
    });
  }

  /** Relative to the home where that is inside the directory or the path is not. */
  #nameOf(path: string): string {
    const isHomeInside = isInside(this.#home, this.#root) && this.#home !== this.#root;
    const inRoot = isInside(path, this.#root);
    const inHome = isInside(path, this.#home);
    if (inHome && (isHomeInside || !inRoot)) return `~/${posix(relative(this.#home, path))}`;
    return inRoot ? posix(relative(this.#root, path)) : path;
  }
}

function certain(path: string): Candidate {
  return { path, isCertain: true };
}

function isV1({ format }: V1Store): boolean {
  return format !== 'unknown' && format !== 'empty';
}

function jsonStores(root: string): Candidate[] {
  const places: readonly (readonly [folder: string, pattern: RegExp, format: StoreFormat])[] = [
    ['memory', /^memory-store\.json$/, 'memory-json'],
    ['memory', /-data\.json$/, 'memory-json'],
    ['.hive-mind/sessions', /\.json$/, 'session-json'],
    ['.claude-flow/metrics', /\.json$/, 'metrics-json'],
  ];
  return places.flatMap(([folder, pattern, format]) =>
    filesBelow(join(root, folder), 0, (name) => pattern.test(name)).map((path) => ({
      path,
      format,
      isCertain: true,
    })),
  );
}

function posix(path: string): string {
  return path.split(sep).join('/');
}
