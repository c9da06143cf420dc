/** Takes back what a run that failed has done. */
import { existsSync, renameSync, rmdirSync, rmSync } from 'node:fs';

import { removeDatabase } from '../memory/database.js';
import { bringInLeftPuts } from '../memory/store/left-puts.js';
import { StoreLock } from '../memory/store/lock.js';

import { readBackup, restoreBackup } from './backup/index.js';
import { countWrittenSince } from './data/index.js';
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
  if (state?.step === 'finish') removePlaced(directory);
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

/**
 * What was not moved there yet is of somebody else. A store that a program has written to since stays, with the
 * archive that tells what: the next run says what to do with them. Throws `locked` while one has it open.
 */
function removePlaced(directory: string): void {
  const { store, archive } = v2Files(directory);
  const staged = stagedFiles(directory);
  const made = existsSync(staged.archive) ? staged.archive : archive;
  if (!existsSync(staged.store) && existsSync(store)) {
    const lock = StoreLock.take(store);
    try {
      bringInLeftPuts(store, lock);
      if (!existsSync(made) || countWrittenSince({ store, archive: made }) > 0) {
        if (made !== archive && existsSync(made)) renameSync(made, archive);
        return;
      }
      removeDatabase(store);
    } finally {
      lock.release();
    }
    removeDatabase(`${store}-lock`);
  }
  if (!existsSync(staged.archive)) removeDatabase(archive);
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It holds something, or is not there.
  }
}
