/** Takes back what a run that failed has done. */
import { existsSync, rmdirSync, rmSync } from 'node:fs';

import { readBackup, restoreBackup } from './backup/index.js';
import { stagedFiles, v2Files } from './files.js';
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
  if (state?.step === 'finish') {
    const staged = stagedFiles(directory);
    // What was not moved there yet is of somebody else.
    if (!existsSync(staged.store)) rmSync(files.store, { force: true });
    if (!existsSync(staged.archive)) rmSync(files.archive, { force: true });
  }
  rmSync(files.work, { recursive: true, force: true });
  removeIfEmpty(files.config);
  removeIfEmpty(files.folder);
  if (state === undefined) return;
  const { changed: own } = state;
  // Without settings to give back, one that is gone is no reason to fail again.
  if (Object.keys(own).length === 0 && !existsSync(state.backup)) return;
  // Last, since it gives the folders their times.
  const backup = readBackup(state.backup);
  const entries = backup.entries.filter(({ kind, path }) => kind === 'directory' || path in own);
  await restoreBackup({ ...backup, entries }, { aside: `${backup.path}-aside`, own });
  if (!state.isBackupKept) rmSync(backup.path, { recursive: true, force: true });
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It holds something, or is not there.
  }
}
