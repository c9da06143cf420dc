import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { createIdentity } from '../../transport/identity/index.js';
import {
  fillUntil,
  host,
  NO_ADDRESS,
  type Client,
  type Resumption,
  type ServerAddress,
  type Transport,
} from './link.js';

const LENGTH_BYTES = 4;

/**
 * `node:tls`, TLS 1.3, both sides with a certificate. Calls are frames with four bytes of length on
 * one socket, answered in their order; bulk has a socket for each stream.
 */
export const tls: Transport = {
  serve: async () => {
    const { certificatePem, privateKeyPem } = createIdentity();
    const port = await listen(certificatePem, privateKeyPem, (socket) => {
      onFrames(socket, (frame) => writeFrame(socket, frame));
      socket.on('end', () => socket.end());
    });
    const bulkPort = await listen(certificatePem, privateKeyPem, (socket) => {
      let receivedBytes = 0;
      socket.on('data', (chunk: Buffer) => {
        receivedBytes += chunk.length;
      });
      socket.on('end', () => socket.end(String(receivedBytes)));
    });
    return { ...NO_ADDRESS, port, bulkPort, certificatePem };
  },
  connect: async (address) => {
    const identity = createIdentity();
    const open = (port: number, session?: Buffer): Promise<TLSSocket> =>
      openSocket(address, port, identity, session);
    return new TlsClient(address, open, await open(address.port));
  },
};

async function listen(
  cert: string,
  key: string,
  onSocket: (socket: TLSSocket) => void,
): Promise<number> {
  const server = createServer({
    cert,
    key,
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
    allowHalfOpen: true,
    noDelay: true,
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => socket.destroy());
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

function openSocket(
  address: ServerAddress,
  port: number,
  identity: { readonly certificatePem: string; readonly privateKeyPem: string },
  session?: Buffer,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      key: identity.privateKeyPem,
      cert: identity.certificatePem,
      // The one certificate that is trusted, as with the pinned identities of our transport.
      ca: address.certificatePem,
      checkServerIdentity: () => undefined,
      minVersion: 'TLSv1.3',
      ...(session === undefined ? {} : { session }),
    });
    socket.setNoDelay(true);
    socket.once('error', reject);
    socket.once('secureConnect', () => resolve(socket));
  });
}

function writeFrame(socket: TLSSocket, payload: Uint8Array): void {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + payload.length);
  frame.writeUInt32BE(payload.length, 0);
  frame.set(payload, LENGTH_BYTES);
  socket.write(frame);
}

/** Cuts what a socket receives into frames. */
function onFrames(socket: TLSSocket, onFrame: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + rest.readUInt32BE(0);
      if (rest.length < end) return;
      onFrame(rest.subarray(LENGTH_BYTES, end));
      rest = rest.subarray(end);
    }
  });
}

class TlsClient implements Client {
  readonly #address: ServerAddress;
  readonly #open: (port: number, session?: Buffer) => Promise<TLSSocket>;
  readonly #calls: Calls;
  #ticket: Buffer | undefined;

  constructor(
    address: ServerAddress,
    open: (port: number, session?: Buffer) => Promise<TLSSocket>,
    socket: TLSSocket,
  ) {
    this.#address = address;
    this.#open = open;
    this.#calls = new Calls(socket);
  }

  echo(payload: Uint8Array): Promise<Uint8Array> {
    return this.#calls.echo(payload);
  }

  async bulk(untilMs: number): Promise<number> {
    const socket = await this.#open(this.#address.bulkPort);
    return await new Promise<number>((resolve, reject) => {
      let answer = '';
      const fill = (): void => {
        const isDone = fillUntil(untilMs, (chunk, isFinal) => {
          const isTaken = socket.write(chunk);
          if (isFinal) socket.end();
          return isTaken;
        });
        if (!isDone) socket.once('drain', fill);
      };
      socket.on('data', (received: Buffer) => {
        answer += received.toString('latin1');
      });
      socket.on('end', () => resolve(Number(answer)));
      socket.on('error', reject);
      fill();
    });
  }

  async handshake(): Promise<void> {
    await closeSocket(await this.#open(this.#address.port));
  }

  async prepareResume(): Promise<void> {
    const socket = await this.#open(this.#address.port);
    const ticket = new Promise<void>((resolve) => {
      socket.once('session', (session: Buffer) => {
        this.#ticket = session;
        resolve();
      });
    });
    await new Calls(socket).echo(new Uint8Array(1));
    await ticket;
    await closeSocket(socket);
  }

  async resume(payload: Uint8Array): Promise<Resumption> {
    const socket = await this.#open(this.#address.port, this.#ticket);
    const isResumed = socket.isSessionReused();
    await new Calls(socket).echo(payload);
    await closeSocket(socket);
    return isResumed ? 'resumed' : 'full';
  }

  close(): Promise<void> {
    return this.#calls.close();
  }
}

/** Calls on one socket: answers come in the order of the requests. */
class Calls {
  readonly #socket: TLSSocket;
  readonly #waiting: ((answer: Uint8Array) => void)[] = [];

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    onFrames(socket, (frame) => this.#waiting.shift()?.(frame));
  }

  echo(payload: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      writeFrame(this.#socket, payload);
    });
  }

  close(): Promise<void> {
    return closeSocket(this.#socket);
  }
}

/** Ends a socket; the peer is told, and not waited for, as with the other transports. */
function closeSocket(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.end(() => {
      socket.destroy();
      resolve();
    });
  });
}
