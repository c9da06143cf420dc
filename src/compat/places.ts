/** Which project a v1 program means, and where its v2 store lies. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { v2Files } from '../migrate/files.js';
import { FOLDERS_UP_MAX, MANIFEST_BYTES_MAX, MANIFEST_SOURCES_MAX } from './limits.js';

/** The files of a project that this layer reads and writes. Paths are absolute. */
export interface ProjectPlaces {
  readonly directory: string;
  readonly store: string;
  readonly archive: string;
  readonly manifest: string;
  /** What v1 code reads, when the project runs side by side. */
  readonly v1Store: string;
}

/** The places of a project in this directory, whether they exist or not. */
export function placesOf(directory: string): ProjectPlaces {
  const absolute = resolve(directory);
  const { store, archive, manifest } = v2Files(absolute);
  return {
    directory: absolute,
    store,
    archive,
    manifest,
    v1Store: join(absolute, '.swarm', 'memory.db'),
  };
}

/**
 * The project that v1's functions work on: that of `CLAUDE_FLOW_DB_PATH` when it is set, else the nearest
 * one from `cwd` upward that has a v2 store, else `cwd`.
 */
export function findProject(cwd: string, env: NodeJS.ProcessEnv): ProjectPlaces {
  const named = env['CLAUDE_FLOW_DB_PATH'];
  if (named === undefined || named === '') return migratedAbove(cwd) ?? placesOf(cwd);
  return projectOfFile(resolve(cwd, named), cwd);
}

/** The project of a v1 database: one that was made from this file, or the one in whose folder it lies. */
export function projectOfFile(file: string, cwd: string): ProjectPlaces {
  const above = migratedAbove(cwd);
  if (above !== undefined && sourcesOf(above).has(canonical(file))) return above;
  const folder = dirname(resolve(cwd, file));
  const directory = basename(folder) === '.swarm' ? dirname(folder) : folder;
  return migratedAbove(directory) ?? placesOf(directory);
}

function migratedAbove(start: string): ProjectPlaces | undefined {
  let directory = resolve(start);
  for (let steps = 0; steps < FOLDERS_UP_MAX; steps += 1) {
    const places = placesOf(directory);
    if (existsSync(places.store)) return places;
    const parent = dirname(directory);
    if (parent === directory) return undefined;
    directory = parent;
  }
  return undefined;
}

/** True if v1 code is to see every write as well. */
export function isSideBySide({ manifest }: ProjectPlaces): boolean {
  return manifestOf(manifest)?.['mode'] === 'side-by-side';
}

/** The v1 files that the project was made from; the manifest has their hashes by name. */
function sourcesOf({ manifest, directory }: ProjectPlaces): ReadonlySet<string> {
  const sources = manifestOf(manifest)?.['sources'];
  if (typeof sources !== 'object' || sources === null) return new Set();
  const names = Object.keys(sources).slice(0, MANIFEST_SOURCES_MAX);
  return new Set(names.map((name) => canonical(resolve(directory, name))));
}

/** A manifest that cannot be read says nothing; `migrate v2 --validate-only` tells of it. */
function manifestOf(path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    if (statSync(path).size > MANIFEST_BYTES_MAX) return undefined;
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function canonical(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
