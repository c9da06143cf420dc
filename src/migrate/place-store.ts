/** Gives the store and the archive of a migration their place, once both are whole. */
import { constants, copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

import { Database, syncFile } from '../memory/database.js';
import { translateError } from '../memory/errors.js';
import { intoOneFile } from './data/draft.js';

/**
 * Moves a database, as a new file with the same bytes: a connection that this process has closed may be half open
 * still, with the shared memory of the log under the old name. SQLite finds that by the file and not by its name, so
 * it would be used for the new name too, and what another process writes there would not be seen. Can be done again
 * after a kill. Throws `disk-full`, `read-only`, `io`.
 */
export function placeFile(staged: string, place: string): void {
  if (!existsSync(staged)) return;
  const copy = `${staged}.copy`;
  try {
    const database = Database.open(staged);
    try {
      intoOneFile(database);
    } finally {
      database.close();
    }
    copyFileSync(staged, copy, constants.COPYFILE_FICLONE);
    syncFile(copy, 'must-exist');
    renameSync(copy, staged);
    renameSync(staged, place);
    syncFile(dirname(place), 'must-exist');
  } catch (error) {
    rmSync(copy, { force: true });
    throw translateError(error, place);
  }
}
