/** A node in a network namespace: a QUIC engine, and an endpoint of calls. */
import { createIdentity } from '../../transport/identity/index.js';
import {
  openQuicheEngine,
  type Connection,
  type ConnectionStats,
  type Engine,
} from '../../transport/quic/index.js';
import { listenRpc, type RpcConnection, type RpcEndpoint } from '../../transport/rpc/index.js';
import { digestOf } from './content.js';
import { serveParent } from '../../src/chaos/remote.js';
import { answer, download, echo, upload } from './streams.js';

export interface PeerPlace {
  readonly host: string;
  readonly enginePort: number;
  readonly rpcPort: number;
  readonly peerId: string;
}

export interface Percentiles {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

const ACCEPTED = { isAccepted: true } as const;
const CALL_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 15_000;
const PAYLOAD_BYTES = 64;
/** More than a slow path carries while it is measured. */
const BULK_BYTES = 200_000_000;

let engine: Engine;
let endpoint: RpcEndpoint;
let connection: Connection;
let calls: RpcConnection;
let receivedBytes = 0;

async function transfer(
  run: (seed: number, bytes: number) => Promise<string>,
  params: { readonly bytes: number; readonly streams: number; readonly seed: number },
): Promise<number> {
  const { bytes, streams, seed } = params;
  const startedMs = performance.now();
  const each = Array.from({ length: streams }, async (_, index) => {
    const digest = await run(seed + index, bytes);
    if (digest !== digestOf(seed + index, bytes)) throw new Error('other bytes arrived than sent');
  });
  await Promise.all(each);
  return performance.now() - startedMs;
}

async function timeCalls(isOver: (count: number) => boolean, call: () => Promise<void>) {
  const times: number[] = [];
  while (!isOver(times.length)) {
    const startedMs = performance.now();
    await call();
    times.push(performance.now() - startedMs);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { count: times.length, p50Ms: at(0.5), p99Ms: at(0.99), longestMs: at(1) };
}

serveParent({
  open: async (params: { readonly host: string; readonly congestionControl: 'bbr' }) => {
    const { host, congestionControl } = params;
    const identity = createIdentity();
    const settings = { congestionControl };
    engine = await openQuicheEngine({
      host,
      port: 0,
      protocols: ['agentic-flow-network-test/1'],
      privateKeyPem: identity.privateKeyPem,
      certificatePem: identity.certificatePem,
      settings,
      authenticate: () => ACCEPTED,
      onConnection: (opened) =>
        opened.setHandler({ onStream: answer, onStreamsAvailable: () => undefined }),
    });
    const handlers = { echo: (payload: unknown) => payload };
    endpoint = await listenRpc({ identity, host, port: 0, handlers, settings });
    const { peerId } = identity;
    return { host, enginePort: engine.port, rpcPort: endpoint.port, peerId } satisfies PeerPlace;
  },

  connect: async (place: PeerPlace) => {
    const { host, enginePort, rpcPort, peerId } = place;
    connection = await engine.connect({
      host,
      port: enginePort,
      timeoutMs: CONNECT_TIMEOUT_MS,
      authenticate: () => ACCEPTED,
      onOpen: (opened) =>
        opened.setHandler({ onStream: answer, onStreamsAvailable: () => undefined }),
    });
    const to = { host, port: rpcPort, peerId };
    calls = await endpoint.connect(to, { timeoutMs: CONNECT_TIMEOUT_MS });
  },

  /** Milliseconds that it took; fails when the peer got other bytes. */
  upload: (params: { readonly bytes: number; readonly streams: number; readonly seed: number }) =>
    transfer((seed, bytes) => upload(connection, seed, bytes), params),

  download: (params: { readonly bytes: number; readonly streams: number; readonly seed: number }) =>
    transfer((seed, bytes) => {
      return download(connection, seed, bytes, (count) => {
        receivedBytes += count;
      });
    }, params),

  /** Calls of the layer of calls, one after another. */
  call: ({ count, bytes }: { readonly count: number; readonly bytes: number }) => {
    const payload = new Uint8Array(bytes).fill(7);
    return timeCalls(
      (done) => done >= count,
      async () => {
        const back = await calls.call('echo', payload, { timeoutMs: CALL_TIMEOUT_MS });
        if ((back as Uint8Array).length !== bytes) throw new Error('other bytes came back');
      },
    );
  },

  /** Small calls while a download of the same connection runs for so long. */
  callDuringBulk: async ({ durationMs, seed }: { durationMs: number; seed: number }) => {
    receivedBytes = 0;
    const bulk = download(connection, seed, BULK_BYTES, (count) => {
      receivedBytes += count;
    });
    // The end of the connection ends the download too; that is how this test stops it.
    bulk.catch(() => undefined);
    const startedMs = performance.now();
    const isOver = (): boolean => performance.now() - startedMs >= durationMs;
    const times = await timeCalls(isOver, () => echo(connection, PAYLOAD_BYTES));
    const seconds = (performance.now() - startedMs) / 1000;
    return { ...times, megabitsPerSecond: (receivedBytes * 8) / 1e6 / seconds };
  },

  progress: () => receivedBytes,
  state: () => ({ isOpen: connection.isOpen && calls.isOpen }),
  stats: (): ConnectionStats => connection.stats(),
  migrate: async ({ host }: { readonly host: string }) => {
    await connection.migrate({ host, port: 0 });
  },
});
