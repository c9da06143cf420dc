/** Tasks on a few threads, each thread a module that answers a task by a message. */
import { Worker } from 'node:worker_threads';

const PROGRESS_MS = 2_000;

/**
 * Results in the order of their tasks. The threads run `module`, which finds `workerData.matrix`; `what`
 * names the tasks in the progress on standard error. Rejects with what a thread throws.
 */
export async function runInThreads<Task, Result>(
  module: URL,
  tasks: readonly Task[],
  threads: number,
  what: string,
): Promise<Result[]> {
  const waiting = [...tasks.entries()];
  const results: Result[] = [];
  let done = 0;
  let shownMs = performance.now();
  const work = async (): Promise<void> => {
    const worker = new Worker(module, { workerData: { matrix: true } });
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [at, task] = next;
        results[at] = await ask<Task, Result>(worker, task);
        done += 1;
        if (performance.now() - shownMs < PROGRESS_MS) continue;
        shownMs = performance.now();
        process.stderr.write(`${done} of ${tasks.length} ${what}\n`);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(threads, tasks.length) }, work));
  return results;
}

function ask<Task, Result>(worker: Worker, task: Task): Promise<Result> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (result: Result) => {
      worker.removeListener('error', reject);
      resolve(result);
    });
    worker.postMessage(task, []);
  });
}
