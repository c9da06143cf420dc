import { RequestMeter } from '../nodes/health/request-meter.js';
import { measured } from '../nodes/health/measured.js';
import { createIdentity } from '../transport/identity/index.js';
import { listenRpc } from '../transport/rpc/index.js';
import type { CallContext, Handlers, RpcConnection, RpcEndpoint } from '../transport/rpc/rpc.js';
import type { Bench, Measurements } from './harness.js';

const METHOD = 'memory.get';
const UNDER_WAY = 16;
const TIMEOUT_MS = 5_000;

/** How many calls a round makes. */
export interface HealthBenchSize {
  readonly inProcess: number;
  readonly overQuic: number;
}

const usual: HealthBenchSize = { inProcess: 300_000, overQuic: 4_000 };

/** What counting a request costs: the same handler with and without the meter. */
export function healthBench(size: HealthBenchSize = usual): Bench {
  return {
    description:
      'a handler that does nothing, with and without the meter of requests: called in the process, and ' +
      'over QUIC on the loopback, sixteen calls at a time',
    roundsDefault: 5,
    metrics: { handler: 'µs/call', call: 'µs/call' },
    subjects: [
      subject('plain', size, (handlers) => handlers),
      subject('measured', size, (handlers) => measured(handlers, new RequestMeter())),
    ],
    ratios: [{ metric: 'call', subject: 'measured', peer: 'plain' }],
  };
}

function subject(
  name: string,
  size: HealthBenchSize,
  wrap: (handlers: Handlers) => Handlers,
): Bench['subjects'][number] {
  const handlers = wrap({ [METHOD]: () => Promise.resolve({ memory: null }) });
  const endpoints: RpcEndpoint[] = [];
  let connection: RpcConnection | undefined;
  return {
    name,
    prepare: async () => {
      const local = { host: '127.0.0.1', port: 0 };
      const server = await listenRpc({ identity: createIdentity(), ...local, handlers });
      const client = await listenRpc({ identity: createIdentity(), ...local, handlers: {} });
      endpoints.push(server, client);
      const { host, port, peerId } = server;
      connection = await client.connect({ host, port, peerId }, { timeoutMs: TIMEOUT_MS });
    },
    run: async (): Promise<Measurements> => {
      if (connection === undefined) throw new Error('a bench is prepared before it runs');
      return {
        handler: await inProcess(handlers, size.inProcess),
        call: await overQuic(connection, size.overQuic),
      };
    },
    close: async () => {
      for (const endpoint of endpoints) await endpoint.close(0);
    },
  };
}

async function inProcess(handlers: Handlers, calls: number): Promise<number> {
  const context = {
    signal: new AbortController().signal,
    timeoutMs: TIMEOUT_MS,
  } as CallContext;
  const startedMs = performance.now();
  for (let i = 0; i < calls; i += 1) await handlers[METHOD]?.({}, context);
  return ((performance.now() - startedMs) * 1_000) / calls;
}

async function overQuic(connection: RpcConnection, calls: number): Promise<number> {
  const startedMs = performance.now();
  let left = calls;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await connection.call(METHOD, { id: 'a' }, { timeoutMs: TIMEOUT_MS });
    }
  };
  await Promise.all(Array.from({ length: UNDER_WAY }, caller));
  return ((performance.now() - startedMs) * 1_000) / calls;
}
