/** One process at a time migrates a directory or rolls it back. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { MemoryError, translateError } from '../memory/errors.js';
import { lockHolder, StoreLock } from '../memory/store/lock.js';
import { MigrationError } from './errors.js';
import { v2Files } from './files.js';

/** Makes the folder that a migration works in, with the lock in it. Throws `busy`. */
export function lockDirectory(directory: string): StoreLock {
  const { work } = v2Files(directory);
  const path = join(work, 'migration');
  try {
    mkdirSync(work, { recursive: true });
    return StoreLock.take(path);
  } catch (error) {
    if (!(error instanceof MemoryError) || error.code !== 'locked') {
      throw translateError(error, work);
    }
    const pid = lockHolder(path);
    throw new MigrationError(
      'busy',
      `${directory} is being migrated or rolled back by ${pid === undefined ? 'another process' : `process ${pid}`}; ` +
        'wait for it to end, then run this again',
      directory,
    );
  }
}
