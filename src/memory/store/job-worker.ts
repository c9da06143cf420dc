/** The thread of one job on a store's file. */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../errors.js';
import { backupFile } from './backup.js';
import { checkFile } from './check.js';
import type { JobAnswer, JobSettings } from './jobs.js';
import { repairFile } from './repair.js';
import { sendableError } from './thread-messages.js';

const port = parentPort;
assert(port !== null, 'the worker runs in a worker thread');
const send = (answer: JobAnswer): void => port.postMessage(answer);
const { job, stop } = workerData as JobSettings;

function progress(done: number, total: number): void {
  if (Atomics.load(stop, 0) !== 0) throw new Error('nobody wants this any more');
  send({ type: 'progress', done, total });
}

function run(): unknown {
  switch (job.name) {
    case 'check':
      return checkFile(...job.args, progress);
    case 'backup':
      return backupFile(...job.args, progress);
    case 'repair':
      return repairFile(...job.args, progress);
  }
}

try {
  send({ type: 'done', value: run() });
} catch (error) {
  send({ type: 'failed', error: sendableError(error, job.args[0]) });
}
