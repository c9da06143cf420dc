/** Takes back what a run that failed has done. */
import { rmdirSync, rmSync } from 'node:fs';

import { readBackup, restoreBackup } from './backup/index.js';
import { v2Files } from './manifest.js';
import { readState } from './state.js';

/**
 * `work`: the store under construction and the backup, which nobody needs then. `settings`: first the
 * configuration files are given back from the backup. Stores of v1 are left alone: nobody changed
 * them, and v1 may be writing to them.
 */
export async function undoMigration(
  directory: string,
  what: 'nothing' | 'work' | 'settings',
): Promise<void> {
  if (what === 'nothing') return;
  const files = v2Files(directory);
  const state = readState(directory);
  if (state !== undefined && what === 'settings') {
    for (const path of state.added) rmSync(path, { force: true });
  }
  for (const path of [files.store, files.archive]) rmSync(path, { force: true });
  rmSync(files.work, { recursive: true, force: true });
  rmSync(files.config, { recursive: true, force: true });
  removeIfEmpty(files.folder);
  if (state === undefined) return;
  // Last, since it gives the folders their times.
  const { changed: own } = state;
  const backup = readBackup(state.backup);
  const entries = backup.entries.filter(({ kind, path }) => kind === 'directory' || path in own);
  await restoreBackup({ ...backup, entries }, { aside: `${backup.path}-aside`, own });
  rmSync(backup.path, { recursive: true, force: true });
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It holds something, or is not there.
  }
}
