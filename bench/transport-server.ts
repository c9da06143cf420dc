/**
 * The far side of the transport bench, a process of its own: `transport-server.js quic` or `http2`.
 * It tells its addresses to the parent and ends with it.
 */
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createIdentity } from '../transport/identity/index.js';
import { openQuicheEngine, type Stream, type StreamHandler } from '../transport/quic/index.js';
import { listenRpc } from '../transport/rpc/index.js';
import {
  BULK_PROTOCOL,
  CONNECTION_WINDOW_BYTES,
  STREAM_WINDOW_BYTES,
  type ServerAddress,
} from './transport-link.js';

const host = '127.0.0.1';

async function serveQuic(): Promise<ServerAddress> {
  const identity = createIdentity();
  const { peerId, certificatePem, privateKeyPem } = identity;
  const endpoint = await listenRpc({
    identity,
    host,
    port: 0,
    handlers: { echo: (payload) => payload },
  });
  const engine = await openQuicheEngine({
    host,
    port: 0,
    protocols: [BULK_PROTOCOL],
    privateKeyPem,
    certificatePem,
    authenticate: () => ({ isAccepted: true }),
    onConnection: (connection) => {
      connection.setHandler({ onStream: swallow, onStreamsAvailable: () => undefined });
    },
  });
  return { port: endpoint.port, bulkPort: engine.port, peerId, certificatePem };
}

/** Reads to the end, then answers with the number of bytes. */
function swallow(stream: Stream): StreamHandler {
  let receivedBytes = 0;
  return {
    onData: (bytes, isFinal) => {
      receivedBytes += bytes.length;
      if (isFinal) stream.write(Buffer.from(String(receivedBytes)), true);
    },
    onReset: () => undefined,
    onStopped: () => undefined,
    onDrained: () => undefined,
    onConnectionClosed: () => undefined,
  };
}

async function serveHttp2(): Promise<ServerAddress> {
  const { peerId, certificatePem, privateKeyPem } = createIdentity();
  const server = createSecureServer({
    key: privateKeyPem,
    cert: certificatePem,
    minVersion: 'TLSv1.3',
    settings: { initialWindowSize: STREAM_WINDOW_BYTES, maxConcurrentStreams: 100 },
  });
  server.on('session', (session) => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    if (headers[':path'] === '/echo') echo(stream);
    else count(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return { port: (server.address() as AddressInfo).port, bulkPort: 0, peerId, certificatePem };
}

function echo(stream: ServerHttp2Stream): void {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    stream.respond({ ':status': 200 });
    stream.end(Buffer.concat(chunks));
  });
}

function count(stream: ServerHttp2Stream): void {
  let receivedBytes = 0;
  stream.on('data', (chunk: Buffer) => {
    receivedBytes += chunk.length;
  });
  stream.on('end', () => {
    stream.respond({ ':status': 200 });
    stream.end(String(receivedBytes));
  });
}

process.on('disconnect', () => process.exit(0));
process.send?.(await (process.argv[2] === 'http2' ? serveHttp2() : serveQuic()));
