/** Where the files of v2 lie in a project that was migrated, or was begun with v2. */
import { realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Folder of v2 in the directory of a project. */
export const V2_FOLDER = '.agentic-flow';
export const STORE_NAME = 'memory.v2.db';
export const ARCHIVE_NAME = 'v1-rows.db';
export const MANIFEST_NAME = 'migration.json';
export const CONFIG_NAME = 'config';
export const WORK_NAME = 'migration-work';

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

/** The files of v2 in a directory. */
export function v2Files(directory: string) {
  const folder = join(directory, V2_FOLDER);
  const work = join(folder, WORK_NAME);
  return {
    folder,
    store: join(folder, STORE_NAME),
    archive: join(folder, ARCHIVE_NAME),
    manifest: join(folder, MANIFEST_NAME),
    config: join(folder, CONFIG_NAME),
    work,
    state: join(work, 'state.json'),
  };
}

/** Where store and archive are made. */
export function stagedFiles(directory: string) {
  const { work } = v2Files(directory);
  return { store: join(work, STORE_NAME), archive: join(work, ARCHIVE_NAME) };
}
