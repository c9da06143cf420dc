/** Takes back what a run that failed has done. */
import { existsSync, rmSync } from 'node:fs';

import { readBackup, restoreBackup } from './backup/index.js';
import { stagedFiles, v2Files } from './manifest.js';
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
    const { added, changed: own } = state;
    for (const path of added) rmSync(path, { force: true });
    const backup = readBackup(state.backup);
    const entries = backup.entries.filter(({ path }) => path in own);
    await restoreBackup({ ...backup, entries }, { aside: `${backup.path}-aside`, own });
  }
  if (state?.step === 'finish') {
    const staged = stagedFiles(directory);
    // What was not moved there yet is of somebody else.
    if (!existsSync(staged.store)) rmSync(files.store, { force: true });
    if (!existsSync(staged.archive)) rmSync(files.archive, { force: true });
  }
  if (state !== undefined && existsSync(state.backup)) {
    rmSync(state.backup, { recursive: true, force: true });
  }
  rmSync(files.work, { recursive: true, force: true });
}
