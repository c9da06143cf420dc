import type { Bench, Measurements } from './harness.js';
import { Child } from './transport/child.js';
import type { ServerAddress, Step, StepResult } from './transport/link.js';

const CLIENTS = 2;
const DURATION_MS_USUAL = 1_500;

/**
 * Whether a node with several threads, each with an engine and a port of its own, carries more calls
 * than one: two client processes call 64 at a time, both at one thread or each at its own.
 * `server-cpu` says what one thread could carry at most if it had a core for itself.
 */
export function workersBench(durationMs = DURATION_MS_USUAL): Bench {
  return {
    description: 'calls a second of a node with one engine, and with one in each of two threads',
    roundsDefault: 5,
    metrics: { calls: '1/s', 'server-cpu': 'us a call', 'all-cpu': 'us a call' },
    subjects: [subject('one thread', 1, durationMs), subject('two threads', 2, durationMs)],
    ratios: [{ metric: 'calls', subject: 'two threads', peer: 'one thread' }],
  };
}

function step(durationMs: number): { readonly step: Step } {
  return { step: { name: 'calls-64-in-flight', durationMs } };
}

function subject(name: string, threads: number, durationMs: number): Bench['subjects'][number] {
  let server: Child | undefined;
  let clients: Child[] = [];
  return {
    name,
    prepare: async () => {
      const opened = new Child(new URL('./workers/server.js', import.meta.url), [String(threads)]);
      server = opened;
      await opened.ask();
      const addresses = (await opened.ask('addresses')) as ServerAddress[];
      const url = new URL('./transport/client.js', import.meta.url);
      clients = Array.from({ length: CLIENTS }, () => new Child(url, ['agentic-flow']));
      await Promise.all(clients.map((client) => client.ask()));
      for (const [index, client] of clients.entries()) {
        await client.ask({ address: addresses[index % threads] });
      }
      await Promise.all(clients.map((client) => client.ask(step(durationMs / 2))));
    },
    run: async (): Promise<Measurements> => {
      if (server === undefined) throw new Error('prepare comes first');
      const cpuBefore = (await server.ask('cpu')) as number;
      const results = await Promise.all(
        clients.map(async (client) => (await client.ask(step(durationMs))) as StepResult),
      );
      const serverCpu = ((await server.ask('cpu')) as number) - cpuBefore;
      const sum = (of: (result: StepResult) => number): number =>
        results.reduce((total, result) => total + of(result), 0);
      const calls = sum(({ count }) => count);
      return {
        calls: sum(({ count, seconds }) => count / seconds),
        'server-cpu': serverCpu / calls,
        'all-cpu': (serverCpu + sum(({ cpuMicroseconds }) => cpuMicroseconds)) / calls,
      };
    },
    close: () => {
      for (const client of clients) client.close();
      server?.close();
    },
  };
}
