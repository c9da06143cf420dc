import { quantile } from '../harness.js';
import { KEYS, type Cluster } from './cluster.js';

/** What a number of clients got done that each send the next request when the last is answered. */
export interface Load {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the three servers for each request; 0 where it is not known. */
  readonly serverCpuMicroseconds: number;
  /** The same of this process, which is all the clients. */
  readonly clientCpuMicroseconds: number;
}

/** Runs the clients for a time. Rejects when one request fails. */
export async function measureLoad(
  cluster: Cluster,
  request: 'put' | 'get',
  clients: number,
  durationMs: number,
): Promise<Load> {
  const latenciesMs: number[] = [];
  let key = 0;
  const serverBefore = cluster.cpuMicroseconds();
  const clientBefore = process.cpuUsage();
  const startedMs = performance.now();
  const untilMs = startedMs + durationMs;
  const run = async (client: number): Promise<void> => {
    for (let now = performance.now(); now < untilMs;) {
      key = (key + 1) % KEYS;
      await cluster[request](client, key);
      const after = performance.now();
      latenciesMs.push(after - now);
      now = after;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => run(client)));
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(clientBefore);
  const serverCpu = cluster.cpuMicroseconds() - serverBefore;
  const count = latenciesMs.length;
  return {
    perSecond: count / seconds,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    serverCpuMicroseconds: serverCpu / count,
    clientCpuMicroseconds: (user + system) / count,
  };
}

/**
 * Kills the leader under the load of one writer. Returns the milliseconds from the signal to the
 * first acknowledgement of a write that began after it: an acknowledgement that was on its way
 * already would say nothing. The killed process is back and all three serve when it returns.
 */
export async function measureFailover(cluster: Cluster): Promise<number> {
  const leader = await cluster.leader();
  let killedMs = Number.POSITIVE_INFINITY;
  let key = 0;
  const write = async (): Promise<number> => {
    for (;;) {
      const begunMs = performance.now();
      key = (key + 1) % KEYS;
      await cluster.putThroughFailures(key);
      if (begunMs >= killedMs) return performance.now();
    }
  };
  const writing = write();
  await new Promise((resolve) => setTimeout(resolve, 200));
  killedMs = performance.now();
  const killing = cluster.kill(leader);
  const acknowledgedMs = await writing;
  await killing;
  await cluster.restart(leader);
  return acknowledgedMs - killedMs;
}
