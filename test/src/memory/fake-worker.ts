/** Stands in for the model's worker: answers in order, dies or refuses when told. */
import { parentPort, threadId, workerData } from 'node:worker_threads';

const port = parentPort;
if (port === null) throw new Error('runs in a worker');
const { threads } = workerData as { threads: number };
let runs = 0;

// Components: length of the text, batches of this worker so far, its thread, texts of the batch.
port.on('message', (texts: readonly string[]) => {
  runs += 1;
  if (texts.includes('die')) process.exit(3);
  if (texts.includes('fail')) {
    port.postMessage({ type: 'failed', message: 'no memory left' });
    return;
  }
  const values = new Float32Array(texts.length * 384);
  for (const [at, text] of texts.entries()) {
    values.set([text.length, runs, threadId, texts.length], at * 384);
  }
  setTimeout(() => port.postMessage({ type: 'vectors', values }), 5);
});
port.postMessage({ type: 'ready', runtime: 'web', notice: `${threads} threads` });
