/** A thread that runs the model. A few texts at a time come in, one answer for all goes out. */
import { parentPort, workerData } from 'node:worker_threads';

import { assert } from '../errors.js';
import { ModelSession } from './model-session.js';
import type { RuntimeName } from './runtime.js';

/** How the thread is started. */
export interface WorkerSettings {
  readonly threads: number;
  readonly runtime: RuntimeName | undefined;
}

export type WorkerAnswer =
  | { readonly type: 'ready'; readonly runtime: RuntimeName; readonly notice?: string }
  /** The vectors of all texts of the question, one behind the other. */
  | { readonly type: 'vectors'; readonly values: Float32Array }
  | { readonly type: 'failed'; readonly message: string };

const port = parentPort;
assert(port !== null, 'the worker runs in a worker thread');
const { threads, runtime } = workerData as WorkerSettings;
// A failure to load ends the thread; the other side hears it as the event `error`.
const session = await ModelSession.load(threads, runtime);

port.on('message', (texts: readonly string[]) => {
  session.embed(texts).then(
    (values) => {
      const answer: WorkerAnswer = { type: 'vectors', values };
      port.postMessage(answer, [values.buffer as ArrayBuffer]);
    },
    (error: unknown) => {
      const answer: WorkerAnswer = { type: 'failed', message: String(error) };
      port.postMessage(answer);
    },
  );
});
const { notice } = session;
const ready: WorkerAnswer = { type: 'ready', runtime: session.runtime };
port.postMessage(notice === undefined ? ready : { ...ready, notice });
