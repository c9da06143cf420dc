/** Which files, folders and links a backup of an installation has. */
import { type BigIntStats, lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';

import type { V1Installation } from '../../v1/rows.js';
import { V2_FOLDER } from '../files.js';
import { BackupError, systemCode } from './errors.js';
import { ENTRIES_MAX, LINKS_FOLLOWED_MAX } from './limits.js';
import {
  type BackupEntry,
  completeEntry,
  type Place,
  type PlainEntry,
  type Roots,
} from './manifest.js';

/** What may lie beside a database and belongs to it. */
export const COMPANION_SUFFIXES = ['-wal', '-shm', '-journal'] as const;

/** What a backup needs to know of an installation. */
export interface BackupSource {
  readonly directory: string;
  readonly home: string;
  readonly stores: readonly Pick<V1Installation['stores'][number], 'path' | 'format'>[];
  readonly configs: readonly { readonly path: string }[];
}

export interface BackupPlan extends Roots {
  readonly ownFolder: readonly string[] | null;
  /** Without hashes; folders before what lies in them, files in the order of the installation. */
  readonly entries: readonly BackupEntry[];
  readonly bytes: number;
}

export function realPath(path: string): string {
  try {
    return realpathSync(resolve(path));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return resolve(path);
    throw error;
  }
}

/** Whether a path is a folder or lies below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/**
 * Looks at every file of the installation and at `also`: files that are going to be changed. Links on the
 * way are part of the plan, and what they lead to is listed where it really lies. Reads only.
 */
export function planBackup(source: BackupSource, also: readonly string[]): BackupPlan {
  const roots = { directory: realPath(source.directory), home: realPath(source.home) };
  const tracer = new Tracer(roots, source);
  tracer.addFolder('directory', roots.directory);
  for (const { path, format } of source.stores) {
    const isDatabase = !format.endsWith('-json');
    const real = tracer.add(path, isDatabase);
    if (!isDatabase || real === undefined) continue;
    for (const suffix of COMPANION_SUFFIXES) tracer.add(real + suffix, false);
  }
  for (const { path } of source.configs) tracer.add(path, false);
  for (const path of also) tracer.add(path, false);
  const entries = tracer.entries();
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return { ...roots, ownFolder: ownFolderOf(roots.directory), entries, bytes };
}

/** What was in `.agentic-flow` before the migration; what it works in itself was not. */
function ownFolderOf(directory: string): string[] | null {
  const names = namesIn(join(directory, V2_FOLDER));
  const others = names?.filter((name) => !name.startsWith('migration')) ?? [];
  const isOurs = names === null || (names.length > 0 && others.length === 0);
  return isOurs ? null : others;
}

function namesIn(folder: string): string[] | null {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/** Follows paths from the root of their place, and collects what it meets. */
class Tracer {
  readonly #roots: Roots;
  /** As the installation names them, which may be by links. */
  readonly #given: Roots;
  readonly #found = new Map<string, BackupEntry>();

  constructor(roots: Roots, given: Roots) {
    this.#roots = roots;
    this.#given = { directory: resolve(given.directory), home: resolve(given.home) };
  }

  entries(): BackupEntry[] {
    const all = [...this.#found.values()];
    const folders = all.filter(({ kind }) => kind === 'directory');
    folders.sort((a, b) => depthOf(a) - depthOf(b));
    return [...folders, ...all.filter(({ kind }) => kind !== 'directory')];
  }

  /** Returns where the file really lies, or undefined if there is none. */
  add(path: string, database: boolean): string | undefined {
    let current = this.#underRoots(resolve(path));
    for (let links = 0; links <= LINKS_FOLLOWED_MAX; links += 1) {
      const next = this.#walk(current, database);
      if (next === undefined || next.isEnd) return next?.path;
      current = this.#underRoots(next.path);
    }
    const sentence = `${path} leads from link to link without an end; remove the link`;
    throw new BackupError('invalid', sentence, path);
  }

  /** Paths below a directory that was named by a link are taken below what it leads to. */
  #underRoots(path: string): string {
    const places = (['home', 'directory'] as const).filter((place) =>
      isWithin(path, this.#given[place]),
    );
    const [place] = places.sort((a, b) => this.#given[b].length - this.#given[a].length);
    return place === undefined
      ? path
      : join(this.#roots[place], relative(this.#given[place], path));
  }

  /** One way down; ends at the file, or at a link with where it leads. */
  #walk(path: string, database: boolean): { path: string; isEnd: boolean } | undefined {
    const root = this.#rootOf(path);
    if (root === undefined) return this.#addElsewhere(path, database);
    const parts = relative(root.path, path).split(sep);
    let current = root.path;
    if (root.place === 'home' && this.#homeIsInside) this.addFolder('home', root.path);
    for (const [i, part] of parts.entries()) {
      current = join(current, part);
      const found = statOf(current);
      if (found === undefined) return undefined;
      if (found.isSymbolicLink()) {
        const target = this.#addLink(root.place, current, found);
        return { path: resolve(dirname(current), target, ...parts.slice(i + 1)), isEnd: false };
      }
      if (i === parts.length - 1) return this.#addFile(root.place, current, found, database);
      if (found.isDirectory()) this.#add(root.place, current, 'directory', found);
    }
    return undefined;
  }

  /** The home directory of a test, or of an installation that has its own. */
  get #homeIsInside(): boolean {
    return isWithin(this.#roots.home, this.#roots.directory);
  }

  #rootOf(path: string): { place: Place; path: string } | undefined {
    const { directory, home } = this.#roots;
    const places = [
      { place: 'directory', path: directory },
      { place: 'home', path: home },
    ] as const;
    // Where one lies in the other, the inner one is the place.
    const inside = places.filter((root) => path !== root.path && isWithin(path, root.path));
    return inside.sort((a, b) => b.path.length - a.path.length)[0];
  }

  #addElsewhere(path: string, database: boolean): { path: string; isEnd: boolean } | undefined {
    const real = join(realPath(dirname(path)), basename(path));
    if (this.#rootOf(real) !== undefined) return { path: real, isEnd: false };
    const found = statOf(real);
    if (found === undefined) return undefined;
    this.addFolder('elsewhere', dirname(real));
    if (found.isSymbolicLink()) {
      const target = this.#addLink('elsewhere', real, found);
      return { path: resolve(dirname(real), target), isEnd: false };
    }
    return this.#addFile('elsewhere', real, found, database);
  }

  addFolder(place: Place, path: string): void {
    const found = statOf(path);
    if (found?.isDirectory() === true) this.#add(place, path, 'directory', found);
  }

  #addLink(place: Place, path: string, found: BigIntStats): string {
    const target = readlinkSync(path);
    this.#add(place, path, 'link', found, { target });
    return target;
  }

  #addFile(
    place: Place,
    path: string,
    found: BigIntStats,
    database: boolean,
  ): { path: string; isEnd: boolean } | undefined {
    if (!found.isFile()) return undefined;
    this.#add(place, path, 'file', found, database ? { database } : {});
    return { path, isEnd: true };
  }

  #add(
    place: Place,
    path: string,
    kind: BackupEntry['kind'],
    found: BigIntStats,
    more: Partial<PlainEntry> = {},
  ): void {
    // Once as a file and once as a database is a database.
    if (this.#found.has(path) && more.database !== true) return;
    if (this.#found.size >= ENTRIES_MAX) {
      const sentence = `the installation has more than ${ENTRIES_MAX} files; move what is no part of it away`;
      throw new BackupError('invalid', sentence, path);
    }
    const root = place === 'elsewhere' ? '' : this.#roots[place];
    const inside = place === 'elsewhere' ? path : relative(root, path).split(sep).join('/');
    const entry = { kind, place, relative: inside, ...statusOf(kind, found), ...more };
    this.#found.set(path, completeEntry(entry, this.#roots));
  }
}

/** What a backup keeps of a file beside its bytes. */
export function statusOf(kind: BackupEntry['kind'], found: BigIntStats) {
  return {
    bytes: kind === 'file' ? Number(found.size) : 0,
    sha256: '',
    mtimeNs: String(found.mtimeNs),
    mode: Number(found.mode & 0o7777n),
    uid: Number(found.uid),
    gid: Number(found.gid),
  };
}

/** Of a link itself; undefined if there is nothing. */
export function statOf(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (systemCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function depthOf({ path }: BackupEntry): number {
  return path === sep ? 0 : path.split(sep).length;
}
