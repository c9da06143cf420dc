/** The files of a store, which nothing else may be written over. */
import { realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { MemoryError } from '../errors.js';

/** What a store has beside its file. */
const OWN_ENDS = ['', '-wal', '-shm', '-journal', '-puts', '-lock', '-text', '-wanted'];

/** Throws `invalid` where a copy or an export of a store would take the place of one of its own files. */
export function refuseOwnFile(storePath: string, target: string): void {
  const store = realPath(storePath);
  const to = realPath(target);
  if (!OWN_ENDS.some((end) => to === store + end)) return;
  const what = to === store ? 'is the store itself' : `is a file of the store ${storePath}`;
  throw new MemoryError('invalid', `${target} ${what}; choose another name`, target);
}

/** Removes a store with all its files. Nobody may have it open. */
export function removeStore(storePath: string): void {
  for (const end of OWN_ENDS) rmSync(storePath + end, { force: true });
}

/** Without links; of a file that is not there, its folder without links. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // The file need not be there, and a folder that is missing is told by whoever writes to it.
  }
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return resolve(path);
  }
}
