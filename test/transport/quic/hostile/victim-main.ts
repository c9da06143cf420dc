// An engine in a process of its own, to be attacked: victim-main.js OPTIONS, where OPTIONS is JSON.
// It answers each stream with the bytes that came, or with bytes without end.
import { createIdentity } from '../../../../transport/identity/index.js';
import {
  openQuicheEngine,
  type Connection,
  type Stream,
  type StreamHandler,
} from '../../../../transport/quic/index.js';
import { listenRpc } from '../../../../transport/rpc/index.js';
import { ALL_GUARDS } from '../../../../transport/quic/quiche/guard.js';
import type { VictimOptions, VictimReport } from './victim.js';

const options = JSON.parse(process.argv[2] ?? '{}') as VictimOptions;
const REPORT_MS = 50;
const CHUNK = Buffer.alloc(256 * 1_024);
const QUEUED_BYTES_MAX = 1_024 * 1_024;

const nothing = (): void => undefined;
const { privateKeyPem, certificatePem } = createIdentity();
const connections: Connection[] = [];
let beats = 0;

function report(message: VictimReport): void {
  process.send?.(message);
}

function onStream(stream: Stream): StreamHandler {
  const base = { onReset: nothing, onStopped: nothing, onConnectionClosed: nothing };
  const pour = (): void => {
    while (stream.queuedBytes < QUEUED_BYTES_MAX && stream.write(CHUNK));
  };
  if (options.isPouring !== true) {
    return {
      ...base,
      onDrained: nothing,
      onData: (bytes, isFinal) => {
        if (!stream.isUnidirectional) stream.write(Uint8Array.from(bytes), isFinal);
      },
    };
  }
  return { ...base, onDrained: pour, onData: pour };
}

function keep(connection: Connection): void {
  connections.splice(0, connections.length, connection);
  connection.setHandler({ onStream, onStreamsAvailable: nothing });
  void connection.closed.then((closed) => report({ closed }));
}

const engine = await openQuicheEngine(
  {
    host: '127.0.0.1',
    port: 0,
    protocols: ['test'],
    privateKeyPem,
    certificatePem,
    settings: {
      idleTimeoutMs: 600_000,
      congestionControl: options.congestionControl ?? 'bbr',
    },
    authenticate: () => ({ isAccepted: true }),
    onConnection: keep,
    onRefusal: ({ reason }) => report({ refused: reason }),
  },
  { ...ALL_GUARDS, ...options.guards },
);
if (options.dial !== undefined) {
  await engine.connect({
    host: '127.0.0.1',
    port: options.dial,
    timeoutMs: 60_000,
    authenticate: () => ({ isAccepted: true }),
    onOpen: keep,
  });
}
let rpcPort: number | undefined;
if (options.hasRpc === true) {
  const endpoint = await listenRpc({
    identity: createIdentity(),
    host: '127.0.0.1',
    port: 0,
    handlers: { echo: (payload: unknown) => payload },
  });
  rpcPort = endpoint.port;
  report({ rpcPeerId: endpoint.peerId });
}
report({ port: engine.port, ...(rpcPort === undefined ? {} : { rpcPort }) });
setInterval(() => {
  const stats = connections.at(-1)?.isOpen === true ? connections.at(-1)?.stats() : undefined;
  beats += 1;
  report({
    beat: beats,
    residentBytes: process.memoryUsage.rss(),
    ...(stats === undefined ? {} : { stats }),
  });
}, REPORT_MS);
process.on('disconnect', () => process.exit());
