/** Long work on a store's file on a thread of its own: neither the caller nor the store waits for it. */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { removeDatabase } from '../database.js';
import { MemoryError, memoryError } from '../errors.js';
import type { CheckReport } from './check.js';
import { refuseOwnFile } from './own-files.js';
import type { RepairReport } from './repair.js';
import { receivedError, type SentError } from './thread-messages.js';
import type { TransferOptions } from './transfer.js';

export interface BackupReport {
  readonly path: string;
  readonly records: number;
  readonly edges: number;
  readonly vectors: number;
  readonly bytes: number;
}

interface Jobs {
  check(path: string): CheckReport;
  backup(from: string, to: string): BackupReport;
  repair(path: string): RepairReport;
}

type Job = {
  [Name in keyof Jobs]: { name: Name; args: Parameters<Jobs[Name]> };
}[keyof Jobs];

/** What a job's thread is given. */
export interface JobSettings {
  readonly job: Job;
  /** One integer that is shared: not 0 once nobody wants the job any more. */
  readonly stop: Int32Array<SharedArrayBuffer>;
}

export type JobAnswer =
  | { readonly type: 'progress'; readonly done: number; readonly total: number }
  | { readonly type: 'done'; readonly value: unknown }
  | { readonly type: 'failed'; readonly error: SentError };

/**
 * Looks for damage: SQLite's own check, and rows that do not fit together. The store may be open. Throws
 * `not-found`, `not-a-database`, `newer-version`, `read-only`, `io`; damage is in the report.
 */
export async function checkStore(
  path: string,
  options: TransferOptions = {},
): Promise<CheckReport> {
  return run({ name: 'check', args: [path] }, options);
}

/**
 * Copies a store as it is at one moment into one file, synced, read back and checked before it takes its
 * name. The store may be open. To restore a backup, open it. Throws `invalid` where `to` is there and
 * `overwrite` is not said, `damaged`, `disk-full`, `read-only`, `io`.
 */
export async function backupStore(
  from: string,
  to: string,
  options: TransferOptions & { readonly overwrite?: boolean } = {},
): Promise<BackupReport> {
  if (!existsSync(from)) throw memoryError('not-found', from);
  refuseOwnFile(from, to);
  if (existsSync(to) && options.overwrite !== true) {
    const sentence = `${to} is there already; choose another name or overwrite it`;
    throw new MemoryError('invalid', sentence, to);
  }
  try {
    return await run({ name: 'backup', args: [from, to] }, options);
  } finally {
    removeDatabase(unfinishedBackup(to));
  }
}

/** What a backup is called until it is whole. */
export function unfinishedBackup(to: string): string {
  return `${to}.new`;
}

/**
 * Saves what can be read of a damaged store into a new file, which takes the place of the old one; that
 * one is kept beside it. Nobody may have the store open. Throws `locked`, `not-found`,
 * `not-a-database` where nothing of a store is left, `disk-full`, `read-only`, `io`.
 */
export async function repairStore(
  path: string,
  options: TransferOptions = {},
): Promise<RepairReport> {
  return run({ name: 'repair', args: [path] }, options);
}

/**
 * Settles when the thread has ended, with its files closed. A job that nobody wants any more ends itself, as
 * soon as SQLite lets it: a thread that is terminated within the SQLite binding takes the process with it, and
 * leaves its locks and half a file.
 */
async function run<Name extends keyof Jobs>(
  job: { name: Name; args: Parameters<Jobs[Name]> },
  { signal, onProgress }: TransferOptions,
): Promise<ReturnType<Jobs[Name]>> {
  signal?.throwIfAborted();
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const settings = { job, stop };
  const worker = new Worker(new URL('job-worker.js', import.meta.url), { workerData: settings });
  const abort = (): void => void Atomics.store(stop, 0, 1);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      const sentence = `the thread of ${job.name} ended before it was done`;
      let end = (): void => reject(new MemoryError('closed', sentence));
      worker.on('message', (answer: JobAnswer) => {
        if (answer.type === 'progress') onProgress?.(answer.done, answer.total);
        else if (answer.type === 'done')
          end = () => resolve(answer.value as ReturnType<Jobs[Name]>);
        else end = () => reject(receivedError(answer.error));
      });
      worker.on('error', (error) => (end = () => reject(error)));
      worker.once('exit', () => end());
    });
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

export type { CheckReport } from './check.js';
export type { RepairReport } from './repair.js';
