/** A copy of a store as it is at one moment. */
import { renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Database, syncFile } from '../database.js';
import { MemoryError, translateError } from '../errors.js';
import { checkFormat } from '../v2-file.js';
import { checkFile, type Progress } from './check.js';
import type { BackupReport } from './jobs.js';

/** Temporary names are the caller's to remove: what ends this thread must not leave them. */
export function backupFile(from: string, to: string, progress: Progress): BackupReport {
  const temporary = `${to}.new`;
  try {
    rmSync(temporary, { force: true });
    const database = Database.open(from, { readOnly: true });
    try {
      checkFormat(database);
      // One read transaction: what is written meanwhile is not in it, and nobody waits.
      database.run('VACUUM INTO ?', temporary);
    } finally {
      database.close();
    }
    syncFile(temporary, 'must-exist');
    const { problems, records, edges, vectors } = checkFile(temporary, progress);
    const damage = problems.find(({ kind }) => kind === 'integrity');
    if (damage !== undefined) {
      const sentence = `the copy of ${from} is damaged (${damage.examples[0] ?? ''}); repair the store first`;
      throw new MemoryError('damaged', sentence, from);
    }
    renameSync(temporary, to);
    syncFile(dirname(to), 'must-exist');
    return { path: to, records, edges, vectors, bytes: statSync(to).size };
  } catch (error) {
    throw translateError(error, to);
  }
}
