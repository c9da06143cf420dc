/** A copy of a store as it is at one moment. */
import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Database, syncFile } from '../database.js';
import { MemoryError, translateError } from '../errors.js';
import { META_TABLE } from '../log-position.js';
import { putLogPath } from '../put-log-path.js';
import { checkFormat } from '../v2-file.js';
import { checkFile, type Progress } from './check.js';
import { StoreHost } from './host.js';
import type { BackupReport } from './jobs.js';
import { PUT_LOG_KEY, PUTS_APPLIED_KEY } from './store-file.js';

/** Temporary names are the caller's to remove: what ends this thread must not leave them. */
export function backupFile(from: string, to: string, progress: Progress): BackupReport {
  const temporary = `${to}.new`;
  try {
    rmSync(temporary, { force: true });
    bringInPuts(from);
    const database = Database.open(from, { readOnly: true });
    try {
      checkFormat(database);
      // One read transaction: what is written meanwhile is not in it, and nobody waits.
      database.run('VACUUM INTO ?', temporary);
    } finally {
      database.close();
    }
    forgetPutLog(temporary);
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

/** What a crash left in the log of puts belongs to the store. Whoever has the store open does it himself. */
function bringInPuts(from: string): void {
  if (!existsSync(putLogPath(from))) return;
  const settings = { path: from, create: false, adopt: false, batchOperations: 1, batchDelayMs: 0 };
  try {
    new StoreHost(settings).closeNow();
  } catch (error) {
    if (!(error instanceof MemoryError) || error.code !== 'locked') throw error;
  }
}

/** A log that lies where the copy will be opened is none of the copy. */
function forgetPutLog(path: string): void {
  const database = Database.open(path);
  try {
    database.exec(
      `DELETE FROM ${META_TABLE} WHERE key IN ('${PUT_LOG_KEY}', '${PUTS_APPLIED_KEY}')`,
    );
  } finally {
    database.close();
  }
}
