/** What a migration leaves beside the store: where it came from, and how to go back. */
import { realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { z } from 'zod';

import { readJsonFile, writeJsonFile } from './json-file.js';

const FORMAT = 2;

const manifestSchema = z.object({
  format: z.literal(FORMAT),
  /** Whether v1 stays in use beside v2. */
  mode: z.enum(['cut-over', 'side-by-side']),
  migratedAt: z.string(),
  /** Where the bytes of v1 are. */
  backup: z.string(),
  /** Home directory whose files belonged to it. */
  home: z.string(),
  /** SHA-256 of each store with its logs, as it was read last. */
  sources: z.record(z.string(), z.string()),
  /** Configuration files of v1 that were changed, each with the SHA-256 of what it became. */
  changed: z.record(z.string(), z.string()),
  /** Files that were added. */
  added: z.array(z.string()),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** Folder of v2 in a migrated directory. */
const V2_FOLDER = '.agentic-flow';

/** Without links, so that a directory has one name. One that is missing keeps the name it was given. */
export function realDirectory(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch {
    // It is missing, or nobody may look there: whoever reads it says so.
    return absolute;
  }
}

/** The files of a migrated directory. */
export function v2Files(directory: string) {
  const folder = join(directory, V2_FOLDER);
  const work = join(folder, 'migration-work');
  return {
    folder,
    store: join(folder, 'memory.v2.db'),
    archive: join(folder, 'v1-rows.db'),
    manifest: join(folder, 'migration.json'),
    config: join(folder, 'config'),
    work,
    state: join(work, 'state.json'),
  };
}

/** Where store and archive are made. */
export function stagedFiles(directory: string) {
  const { work } = v2Files(directory);
  return { store: join(work, 'memory.v2.db'), archive: join(work, 'v1-rows.db') };
}

/** Undefined if the directory was not migrated. Throws `invalid`. */
export function readManifest(directory: string): Manifest | undefined {
  return readJsonFile(v2Files(directory).manifest, manifestSchema);
}

export function writeManifest(directory: string, manifest: Omit<Manifest, 'format'>): void {
  writeJsonFile(v2Files(directory).manifest, { format: FORMAT, ...manifest });
}
