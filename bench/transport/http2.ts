import {
  connect,
  createSecureServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createIdentity } from '../../transport/identity/index.js';
import {
  CONNECTION_WINDOW_BYTES,
  fillUntil,
  host,
  NO_ADDRESS,
  STREAM_WINDOW_BYTES,
  type Client,
  type Resumption,
  type ServerAddress,
  type Transport,
} from './link.js';

/** `node:http2` over TLS 1.3, both sides with a certificate; a request a call. */
export const http2: Transport = {
  serve: async () => {
    const { certificatePem, privateKeyPem } = createIdentity();
    const server = createSecureServer({
      key: privateKeyPem,
      cert: certificatePem,
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: false,
      settings: { initialWindowSize: STREAM_WINDOW_BYTES, maxConcurrentStreams: 100 },
    });
    server.on('session', (session) => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
    server.on('sessionError', () => undefined);
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      if (headers[':path'] === '/echo') echo(stream);
      else count(stream);
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return { ...NO_ADDRESS, port: (server.address() as AddressInfo).port, certificatePem };
  },
  connect: async (address) => {
    const identity = createIdentity();
    const open = (session?: Buffer): Promise<ClientHttp2Session> =>
      openSession(address, identity, session);
    return new Http2Client(await open(), open);
  },
};

function openSession(
  address: ServerAddress,
  identity: { readonly certificatePem: string; readonly privateKeyPem: string },
  session?: Buffer,
): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const opened = connect(`https://${host}:${address.port}`, {
      key: identity.privateKeyPem,
      cert: identity.certificatePem,
      // The one certificate that is trusted, as with the pinned identities of our transport.
      ca: address.certificatePem,
      checkServerIdentity: () => undefined,
      minVersion: 'TLSv1.3',
      settings: { initialWindowSize: STREAM_WINDOW_BYTES },
      ...(session === undefined ? {} : { session }),
    });
    opened.once('error', reject);
    opened.once('connect', () => {
      opened.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
      resolve(opened);
    });
  });
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

class Http2Client implements Client {
  readonly #session: ClientHttp2Session;
  readonly #open: (session?: Buffer) => Promise<ClientHttp2Session>;
  #ticket: Buffer | undefined;

  constructor(
    session: ClientHttp2Session,
    open: (session?: Buffer) => Promise<ClientHttp2Session>,
  ) {
    this.#session = session;
    this.#open = open;
  }

  echo(payload: Uint8Array): Promise<Uint8Array> {
    return echoOn(this.#session, payload);
  }

  async bulk(untilMs: number): Promise<number> {
    const stream = this.#session.request({ ':method': 'POST', ':path': '/count' });
    const answer = answerOf(stream);
    const fill = (): void => {
      const isDone = fillUntil(untilMs, (chunk, isFinal) => {
        const isTaken = stream.write(chunk);
        if (isFinal) stream.end();
        return isTaken;
      });
      if (!isDone) stream.once('drain', fill);
    };
    fill();
    return Number(Buffer.from(await answer).toString('latin1'));
  }

  async handshake(): Promise<void> {
    await closeSession(await this.#open());
  }

  async prepareResume(): Promise<void> {
    const session = await this.#open();
    await new Promise<void>((resolve) => {
      (session.socket as TLSSocket).once('session', (ticket) => {
        this.#ticket = ticket;
        resolve();
      });
      void echoOn(session, new Uint8Array(1));
    });
    await closeSession(session);
  }

  async resume(payload: Uint8Array): Promise<Resumption> {
    const session = await this.#open(this.#ticket);
    const isResumed = (session.socket as TLSSocket).isSessionReused();
    await echoOn(session, payload);
    await closeSession(session);
    return isResumed ? 'resumed' : 'full';
  }

  close(): Promise<void> {
    return closeSession(this.#session);
  }
}

function echoOn(session: ClientHttp2Session, payload: Uint8Array): Promise<Uint8Array> {
  const stream = session.request({ ':method': 'POST', ':path': '/echo' });
  stream.end(payload);
  return answerOf(stream);
}

function answerOf(stream: ClientHttp2Stream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    stream.on('error', reject);
  });
}

function closeSession(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => session.close(resolve));
}
