import { fork, type ChildProcess } from 'node:child_process';
import { connect, type ClientHttp2Session } from 'node:http2';
import { createIdentity } from '../transport/identity/index.js';
import { openQuicheEngine, type Connection, type Engine } from '../transport/quic/index.js';
import { listenRpc, type RpcConnection, type RpcEndpoint } from '../transport/rpc/index.js';
import type { Bench, Measurements } from './harness.js';
import {
  BULK_PROTOCOL,
  CONNECTION_WINDOW_BYTES,
  STREAM_WINDOW_BYTES,
  type ServerAddress,
} from './transport-link.js';

/** How much work a round is. */
export interface TransportBenchSize {
  readonly callsAlone: number;
  readonly callsTogether: number;
  readonly bulkBytes: number;
}

const usual: TransportBenchSize = {
  callsAlone: 2_000,
  callsTogether: 20_000,
  bulkBytes: 64 * 1024 * 1024,
};
const payloadBytes = 64;
const callsInFlight = 64;
const chunkBytes = 64 * 1024;
const timeoutMs = 30_000;
const host = '127.0.0.1';

/** One transport, connected to its server. */
interface Client {
  /** Sends a payload and gets it back. */
  echo(payload: Uint8Array): Promise<Uint8Array>;
  /** Sends so many bytes on one stream; resolves with the number that the server says it got. */
  bulk(bytes: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * Our transport against `node:http2` over TLS 1.3, each between this process and one of its own on
 * loopback: calls of 64 bytes both ways, alone and 64 at a time, and bulk on one stream of the
 * engine (a call carries at most 16 MB). Windows are equal; both sides use one connection.
 */
export function transportBench(size: TransportBenchSize = usual): Bench {
  return {
    description:
      'calls of 64 bytes a second, alone and 64 in flight, and MB/s on one stream, against ' +
      'node:http2 over TLS',
    roundsDefault: 7,
    metrics: { 'calls-alone': '1/s', 'calls-64-in-flight': '1/s', bulk: 'MB/s' },
    subjects: [
      subject('agentic-flow', 'quic', connectQuic, size),
      subject('node:http2', 'http2', connectHttp2, size),
    ],
    ratios: ['calls-alone', 'calls-64-in-flight', 'bulk'].map((metric) => {
      return { metric, subject: 'agentic-flow', peer: 'node:http2' };
    }),
  };
}

function subject(
  name: string,
  kind: 'quic' | 'http2',
  connectTo: (address: ServerAddress) => Promise<Client>,
  size: TransportBenchSize,
): Bench['subjects'][number] {
  let server: ChildProcess | undefined;
  let client: Client | undefined;
  return {
    name,
    prepare: async () => {
      const url = new URL('./transport-server.js', import.meta.url);
      server = fork(url, [kind], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      client = await connectTo(await addressFrom(server));
      // The first calls compile the code that later ones run.
      await callAlone(client, Math.ceil(size.callsAlone / 4));
    },
    run: async (): Promise<Measurements> => {
      if (client === undefined) throw new Error('prepare comes first');
      return {
        'calls-alone': await callAlone(client, size.callsAlone),
        'calls-64-in-flight': await callTogether(client, size.callsTogether),
        bulk: await sendBulk(client, size.bulkBytes),
      };
    },
    close: async () => {
      await client?.close();
      server?.disconnect();
    },
  };
}

function addressFrom(server: ChildProcess): Promise<ServerAddress> {
  return new Promise((resolve, reject) => {
    server.once('message', (message) => resolve(message as ServerAddress));
    server.once('exit', (code) => reject(new Error(`the server ended with code ${code}`)));
  });
}

async function callAlone(client: Client, calls: number): Promise<number> {
  const payload = new Uint8Array(payloadBytes).fill(7);
  const startedMs = performance.now();
  for (let done = 0; done < calls; done += 1) await checkedEcho(client, payload);
  return perSecond(calls, startedMs);
}

async function callTogether(client: Client, calls: number): Promise<number> {
  const payload = new Uint8Array(payloadBytes).fill(7);
  let begun = 0;
  const callOn = async (): Promise<void> => {
    while (begun < calls) {
      begun += 1;
      await checkedEcho(client, payload);
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: callsInFlight }, callOn));
  return perSecond(calls, startedMs);
}

async function checkedEcho(client: Client, payload: Uint8Array): Promise<void> {
  const answer = await client.echo(payload);
  if (answer.length !== payload.length) throw new Error(`${answer.length} bytes came back`);
}

/** Megabytes (10^6) a second. */
async function sendBulk(client: Client, bytes: number): Promise<number> {
  const startedMs = performance.now();
  const received = await client.bulk(bytes);
  if (received !== bytes) throw new Error(`${received} of ${bytes} bytes arrived`);
  return perSecond(bytes / 1e6, startedMs);
}

function perSecond(count: number, startedMs: number): number {
  return count / ((performance.now() - startedMs) / 1000);
}

async function connectQuic(address: ServerAddress): Promise<Client> {
  const identity = createIdentity();
  const { privateKeyPem, certificatePem } = identity;
  const endpoint = await listenRpc({ identity, host, port: 0, handlers: {} });
  const { port, peerId } = address;
  const connection = await endpoint.connect({ host, port, peerId }, { timeoutMs });
  const engine = await openQuicheEngine({
    host,
    port: 0,
    protocols: [BULK_PROTOCOL],
    privateKeyPem,
    certificatePem,
    authenticate: () => ({ isAccepted: true }),
    onConnection: () => undefined,
  });
  const bulk = await engine.connect({
    host,
    port: address.bulkPort,
    timeoutMs,
    authenticate: () => ({ isAccepted: true }),
    onOpen: (opened) => {
      opened.setHandler({
        onStream: () => {
          throw new Error('the server opens no streams');
        },
        onStreamsAvailable: () => undefined,
      });
    },
  });
  return new QuicClient(endpoint, connection, engine, bulk);
}

class QuicClient implements Client {
  readonly #endpoint: RpcEndpoint;
  readonly #connection: RpcConnection;
  readonly #engine: Engine;
  readonly #bulk: Connection;

  constructor(endpoint: RpcEndpoint, connection: RpcConnection, engine: Engine, bulk: Connection) {
    this.#endpoint = endpoint;
    this.#connection = connection;
    this.#engine = engine;
    this.#bulk = bulk;
  }

  async echo(payload: Uint8Array): Promise<Uint8Array> {
    return (await this.#connection.call('echo', payload, { timeoutMs })) as Uint8Array;
  }

  bulk(bytes: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const chunk = Buffer.alloc(chunkBytes, 7);
      let leftBytes = bytes;
      let answer = '';
      const fill = (): void => {
        while (leftBytes > 0) {
          const part = chunk.subarray(0, Math.min(chunkBytes, leftBytes));
          leftBytes -= part.length;
          if (stream?.write(part, leftBytes === 0) === false) return;
        }
      };
      const stream = this.#bulk.openBidirectional({
        onData: (received, isFinal) => {
          answer += Buffer.from(received).toString('latin1');
          if (isFinal) resolve(Number(answer));
        },
        onReset: () => reject(new Error('the stream was reset')),
        onStopped: () => reject(new Error('the stream was stopped')),
        onDrained: fill,
        onConnectionClosed: () => reject(new Error('the connection was lost')),
      });
      if (stream === undefined) reject(new Error('no stream could be opened'));
      fill();
    });
  }

  async close(): Promise<void> {
    await this.#endpoint.close(0);
    await this.#engine.close(0, '');
  }
}

async function connectHttp2(address: ServerAddress): Promise<Client> {
  const session = connect(`https://${host}:${address.port}`, {
    // The one certificate that is trusted, as with the pinned identities of our transport.
    ca: address.certificatePem,
    checkServerIdentity: () => undefined,
    minVersion: 'TLSv1.3',
    settings: { initialWindowSize: STREAM_WINDOW_BYTES },
  });
  await new Promise<void>((resolve, reject) => {
    session.once('connect', () => resolve());
    session.once('error', reject);
  });
  session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  return new Http2Client(session);
}

class Http2Client implements Client {
  readonly #session: ClientHttp2Session;

  constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  echo(payload: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({ ':method': 'POST', ':path': '/echo' });
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
      stream.on('error', reject);
      stream.end(payload);
    });
  }

  bulk(bytes: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({ ':method': 'POST', ':path': '/count' });
      const chunk = Buffer.alloc(chunkBytes, 7);
      let leftBytes = bytes;
      let answer = '';
      const fill = (): void => {
        while (leftBytes > 0) {
          const part = chunk.subarray(0, Math.min(chunkBytes, leftBytes));
          leftBytes -= part.length;
          if (!stream.write(part)) {
            stream.once('drain', fill);
            return;
          }
        }
        stream.end();
      };
      stream.on('data', (received: Buffer) => {
        answer += received.toString('latin1');
      });
      stream.on('end', () => resolve(Number(answer)));
      stream.on('error', reject);
      fill();
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#session.close(resolve));
  }
}
