/** The thread of a store: opens it, answers calls, ends when it is closed. */
import { parentPort, workerData } from 'node:worker_threads';
import { assert, memoryError } from '../errors.js';
import { StoreHost } from './host.js';
import { ENDED_EXIT_CODE } from './limits.js';
import {
  sendableError,
  type Answer,
  type Request,
  type ThreadSettings,
} from './thread-messages.js';

const port = parentPort;
assert(port !== null, 'the worker runs in a worker thread');
const { path } = workerData as ThreadSettings;
const send = (answer: Answer): void => port.postMessage(answer);

function openHost(): StoreHost | undefined {
  try {
    const host = new StoreHost(workerData as ThreadSettings, { logsPuts: true });
    send({ type: 'opened', model: host.model });
    return host;
  } catch (error) {
    send({ type: 'refused', error: sendableError(error, path) });
    return undefined;
  }
}

const host = openHost();
const running = new Map<number, AbortController>();

async function answer(store: StoreHost, request: Request & { type: 'call' }): Promise<void> {
  const { call, method, args } = request;
  const stop = new AbortController();
  running.set(call, stop);
  const context = {
    signal: stop.signal,
    progress: (done: number, total: number) => send({ type: 'progress', call, done, total }),
  };
  try {
    const run = store.calls[method] as (...args: readonly unknown[]) => unknown;
    const value: unknown = await run(...args, context);
    send({ type: 'done', call, value });
  } catch (error) {
    const failure = store.isClosed ? memoryError('closed', path) : error;
    send({ type: 'failed', call, error: sendableError(failure, path) });
  } finally {
    running.delete(call);
  }
  if (method === 'close') port?.close();
}

function end(store: StoreHost): never {
  store.closeNow();
  process.exit(ENDED_EXIT_CODE);
}

if (host !== undefined) {
  port.on('message', (request: Request) => {
    if (request.type === 'call') void answer(host, request);
    else if (request.type === 'cancel') running.get(request.call)?.abort();
    else end(host);
  });
}
