/** The thread of one job on a store's file. */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../errors.js';
import { backupFile } from './backup.js';
import { checkFile } from './check.js';
import type { Job, JobAnswer } from './jobs.js';
import { repairFile } from './repair.js';
import { sendableError } from './thread-messages.js';

const port = parentPort;
assert(port !== null, 'the worker runs in a worker thread');
const send = (answer: JobAnswer): void => port.postMessage(answer);
const progress = (done: number, total: number): void => send({ type: 'progress', done, total });

function run(job: Job): unknown {
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
  send({ type: 'done', value: run(workerData as Job) });
} catch (error) {
  send({ type: 'failed', error: sendableError(error) });
}
