/** A copy of a store as it is at one moment. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Database, removeDatabase, syncFile } from '../database.js';
import { MemoryError, translateError } from '../errors.js';
import { LogPosition } from '../log-position.js';
import { putInPlace } from '../replace-file.js';
import { checkFormat } from '../v2-file.js';
import { VectorJournal } from '../vector-journal.js';
import { checkFile, isSnapshotOf, type Progress } from './check.js';
import { type BackupReport, unfinishedBackup } from './jobs.js';
import { bringInLeftPuts } from './left-puts.js';
import { StoreLock } from './lock.js';
import { removePutLog } from './put-log.js';
import { PUT_LOG_KEY, PUTS_APPLIED_KEY } from './store-file.js';

/** Temporary names are the caller's to remove: what ends this thread must not leave them. */
export function backupFile(from: string, to: string, progress: Progress): BackupReport {
  const temporary = unfinishedBackup(to);
  try {
    removeDatabase(temporary);
    bringInUnlessOpen(from);
    progress(0, 0);
    const database = Database.open(from, { readOnly: true });
    try {
      checkFormat(database);
      // One read transaction: what is written meanwhile is not in it, and nobody waits.
      database.run('VACUUM INTO ?', temporary);
    } finally {
      database.close();
    }
    becomeAStoreOfItsOwn(temporary);
    syncFile(temporary, 'must-exist');
    const { problems, records, edges, vectors } = checkFile(temporary, progress);
    const damage = problems.find(({ kind }) => kind === 'integrity');
    if (damage !== undefined) {
      const sentence = `the copy of ${from} is damaged (${damage.examples[0] ?? ''}); repair the store first`;
      throw new MemoryError('damaged', sentence, from);
    }
    // A log that was left where a store was removed would be played into the copy.
    const isTaken = ['', '-wal', '-journal', '-puts'].some((end) => existsSync(to + end));
    if (isTaken) replaceStore(to, temporary);
    else putInPlace(temporary, to);
    return { path: to, records, edges, vectors, bytes: statSync(to).size };
  } catch (error) {
    throw translateError(error, to);
  }
}

/**
 * The copy takes the place of a store that nobody has open. Nothing beside that one is the copy's: SQLite would
 * play a log of it into the copy.
 */
function replaceStore(to: string, temporary: string): void {
  const lock = StoreLock.take(to);
  try {
    closeFile(to);
    for (const end of ['-journal', '-wal', '-shm']) rmSync(to + end, { force: true });
    putInPlace(temporary, to);
    for (const name of readdirSync(dirname(to))) {
      if (isSnapshotOf(to, name)) rmSync(join(dirname(to), name), { force: true });
    }
    removePutLog(to);
  } finally {
    lock.release();
  }
}

/** All of the old store in its file, so that it is whole until it is replaced; it need not be a store. */
function closeFile(path: string): void {
  if (!existsSync(path)) return;
  try {
    const old = Database.open(path);
    try {
      old.useSingleFile();
    } finally {
      old.close();
    }
  } catch (error) {
    const isUnreadable = error instanceof MemoryError && /^(?:damaged|not-a)/.test(error.code);
    if (!isUnreadable) throw error;
  }
}

/** Whoever has the store open brings them in himself. */
function bringInUnlessOpen(from: string): void {
  try {
    bringInLeftPuts(from);
  } catch (error) {
    if (!(error instanceof MemoryError) || error.code !== 'locked') throw error;
  }
}

/** A log of puts, and snapshots, that lie where the copy will be opened are none of the copy. */
function becomeAStoreOfItsOwn(path: string): void {
  const database = Database.open(path);
  try {
    const position = new LogPosition(database);
    for (const key of [PUT_LOG_KEY, PUTS_APPLIED_KEY]) position.deleteMeta(key);
    VectorJournal.rename(database);
  } finally {
    database.close();
  }
}
