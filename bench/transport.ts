import type { Bench, Measurements } from './harness.js';
import { Child } from './transport/child.js';
import type { ServerAddress, StepName, StepResult } from './transport/link.js';
import { missing, transportNames } from './transport/transports.js';

/** Milliseconds of each step of a round. */
const DURATION_MS_USUAL = 1_000;

const metrics = {
  'calls-alone': '1/s',
  'calls-alone-p50': 'us',
  'calls-alone-p99': 'us',
  'calls-alone-cpu': 'us a call',
  'calls-64-in-flight': '1/s',
  'calls-64-in-flight-p50': 'us',
  'calls-64-in-flight-p99': 'us',
  'calls-64-in-flight-cpu': 'us a call',
  'bulk-1-stream': 'MB/s',
  'bulk-8-streams': 'MB/s',
  'handshakes-cold': '1/s',
  'handshakes-resumed': '1/s',
  'handshakes-resumed-early': '%',
} as const;

const steps: readonly StepName[] = [
  'calls-alone',
  'calls-64-in-flight',
  'bulk-1-stream',
  'bulk-8-streams',
  'handshakes-cold',
  'handshakes-resumed',
];

/** The goal: our median divided by that of the peer. */
const goals: readonly {
  readonly metric: StepName;
  readonly peer: string;
  readonly goal: number;
}[] = [
  { metric: 'calls-alone', peer: 'node:http2', goal: 1.6 },
  { metric: 'calls-64-in-flight', peer: 'node:http2', goal: 2.2 },
  { metric: 'calls-alone', peer: 'libp2p-quic', goal: 10 },
  { metric: 'calls-64-in-flight', peer: 'libp2p-quic', goal: 10 },
  { metric: 'calls-alone', peer: 'node:dgram', goal: 0.45 },
  { metric: 'calls-64-in-flight', peer: 'node:dgram', goal: 0.45 },
  { metric: 'bulk-1-stream', peer: 'node:tls', goal: 0.8 },
  { metric: 'bulk-8-streams', peer: 'node:tls', goal: 0.8 },
  { metric: 'handshakes-cold', peer: 'node:tls', goal: 2.3 },
];

const compared: readonly { readonly metric: StepName; readonly peer: string }[] = [
  { metric: 'calls-alone', peer: 'node:tls' },
  { metric: 'calls-64-in-flight', peer: 'node:tls' },
  { metric: 'bulk-1-stream', peer: 'node:http2' },
  { metric: 'handshakes-resumed', peer: 'node:tls' },
  { metric: 'calls-alone', peer: 'currentspace-http3' },
  { metric: 'calls-64-in-flight', peer: 'currentspace-http3' },
  { metric: 'bulk-1-stream', peer: 'currentspace-http3' },
  { metric: 'handshakes-cold', peer: 'currentspace-http3' },
];

/**
 * Our transport against its peers, each with client and server in processes of their own on
 * loopback: calls of 64 bytes both ways, alone and 64 at a time; bulk on one stream and on eight
 * (eight connections for `node:tls`, whose connections have one); connections opened with proof of
 * both identities, eight at a time; and connections that resume an earlier one with their first
 * answer, in early data where the transport has it. `agentic-flow` is calls through `listenRpc`,
 * with bulk and handshakes of the engine; `engine` is one stream a call without the layer of calls;
 * `node:dgram` has no reliability and no encryption: the limit. Processor time is that of both
 * processes.
 */
export function transportBench(
  durationMs = DURATION_MS_USUAL,
  names: readonly string[] = transportNames,
): Bench {
  const absent = names.flatMap((name) => {
    const reason = missing(name);
    return reason === undefined ? [] : [{ subject: name, reason }];
  });
  const present = names.filter((name) => absent.every(({ subject }) => subject !== name));
  return {
    description:
      'calls of 64 bytes, bulk and handshakes against node:http2, node:tls, node:dgram, ' +
      '@chainsafe/libp2p-quic and (on Node 24) @currentspace/http3',
    roundsDefault: 7,
    metrics,
    subjects: present.map((name) => subject(name, durationMs)),
    ratios: [...goals, ...compared]
      .filter(({ peer }) => present.includes(peer) && present.includes('agentic-flow'))
      .map((wanted) => ({ subject: 'agentic-flow', isOptional: true, ...wanted })),
    absent,
  };
}

function subject(name: string, durationMs: number): Bench['subjects'][number] {
  let server: Child | undefined;
  let client: Child | undefined;
  return {
    name,
    prepare: async () => {
      server = new Child(new URL('./transport/server.js', import.meta.url), [name]);
      client = new Child(new URL('./transport/client.js', import.meta.url), [name]);
      await Promise.all([server.ask(), client.ask()]);
      const address = (await server.ask('address')) as ServerAddress;
      await client.ask({ address });
      // The first calls compile the code that later ones run.
      for (const step of ['calls-alone', 'calls-64-in-flight'] as const) {
        await client.ask({ step: { name: step, durationMs: durationMs / 2 } });
      }
    },
    run: async (): Promise<Measurements> => {
      if (server === undefined || client === undefined) throw new Error('prepare comes first');
      const measured: Record<string, number> = {};
      for (const step of steps) {
        const cpuBefore = (await server.ask('cpu')) as number;
        const result = (await client.ask({ step: { name: step, durationMs } })) as
          StepResult | undefined;
        const cpuAfter = (await server.ask('cpu')) as number;
        if (result !== undefined) keep(measured, step, result, cpuAfter - cpuBefore);
      }
      return measured;
    },
    close: () => {
      client?.close();
      server?.close();
    },
  };
}

function keep(
  measured: Record<string, number>,
  step: StepName,
  result: StepResult,
  serverCpuMicroseconds: number,
): void {
  const { count, seconds, latenciesMicroseconds, cpuMicroseconds, earlyShare } = result;
  // Megabytes are 10^6 bytes.
  measured[step] = (step.startsWith('bulk') ? count / 1e6 : count) / seconds;
  if (earlyShare !== undefined && earlyShare > 0) measured[`${step}-early`] = earlyShare * 100;
  if (latenciesMicroseconds === undefined) return;
  measured[`${step}-p50`] = latenciesMicroseconds.p50;
  measured[`${step}-p99`] = latenciesMicroseconds.p99;
  measured[`${step}-cpu`] = (cpuMicroseconds + serverCpuMicroseconds) / count;
}
