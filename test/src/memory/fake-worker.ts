/** Stands in for the model's worker: answers in order, dies or refuses when told. */
import { parentPort } from 'node:worker_threads';

const port = parentPort;
if (port === null) throw new Error('runs in a worker');
let runs = 0;

port.on('message', (text: string) => {
  runs += 1;
  if (text === 'die') process.exit(3);
  if (text === 'fail') {
    port.postMessage({ type: 'failed', message: 'no memory left' });
    return;
  }
  const values = new Float32Array(384);
  values[0] = text.length;
  values[1] = runs;
  setTimeout(() => port.postMessage({ type: 'vector', values }), 1);
});
port.postMessage({ type: 'ready' });
