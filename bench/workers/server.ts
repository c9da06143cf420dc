/** The far side of the bench of threads, a process of its own: `server.js THREADS`. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { agenticFlow } from '../transport/agentic-flow.js';
import { answerParent } from '../transport/child.js';
import type { ServerAddress } from '../transport/link.js';

async function serveInThread(): Promise<ServerAddress> {
  const worker = new Worker(new URL(import.meta.url));
  const [address] = (await once(worker, 'message')) as [ServerAddress];
  return address;
}

if (isMainThread) {
  const threads = Number(process.argv[2]);
  const serve = threads === 1 ? () => agenticFlow.serve() : serveInThread;
  const addresses = await Promise.all(Array.from({ length: threads }, serve));
  answerParent(async (request) => {
    if (request === 'addresses') return addresses;
    const { user, system } = process.cpuUsage();
    return user + system;
  });
  process.send?.({ result: 'ready' });
} else {
  parentPort?.postMessage(await agenticFlow.serve(), []);
}
