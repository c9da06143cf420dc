/** The thread that runs the model. One text at a time comes in, one answer goes out. */
import { parentPort, workerData } from 'node:worker_threads';

import { assert } from '../errors.js';
import { ModelSession } from './model-session.js';

/** How the thread is started. */
export interface WorkerSettings {
  readonly threads: number;
}

export type WorkerAnswer =
  | { readonly type: 'ready' }
  | { readonly type: 'vector'; readonly values: Float32Array }
  | { readonly type: 'failed'; readonly message: string };

const port = parentPort;
assert(port !== null, 'the worker runs in a worker thread');
// A failure to load ends the thread; the other side hears it as the event `error`.
const session = await ModelSession.load((workerData as WorkerSettings).threads);

port.on('message', (text: string) => {
  session.embed(text).then(
    (values) => {
      const answer: WorkerAnswer = { type: 'vector', values };
      port.postMessage(answer, [values.buffer as ArrayBuffer]);
    },
    (error: unknown) => {
      const answer: WorkerAnswer = { type: 'failed', message: String(error) };
      port.postMessage(answer);
    },
  );
});
const ready: WorkerAnswer = { type: 'ready' };
port.postMessage(ready);
