import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { SOCKET_BUFFER_BYTES, SOCKET_QUEUE_BYTES_MAX } from '../limits.js';
import { QuicError } from '../quic-error.js';
import type { NativeHost } from './native.js';

/** One bound UDP socket. Losing a packet is never an error here: QUIC sends it again. */
export class UdpSocket {
  readonly #socket: Socket;
  readonly #isIpv6: boolean;
  /** The bound address. */
  readonly host: string;
  readonly port: number;
  /** The same, as the engine takes it. */
  readonly local: NativeHost;
  #isClosed = false;
  /** Packets that the system or the queue bound refused. */
  lostCount = 0;

  private constructor(socket: Socket, isIpv6: boolean) {
    const bound = socket.address();
    this.#socket = socket;
    this.#isIpv6 = isIpv6;
    this.host = bound.address;
    this.port = bound.port;
    this.local = { host: bound.address, port: bound.port };
    socket.on('error', () => {
      // Without a callback dgram reports a failed send here (unreachable network, too long): a lost
      // packet.
      this.lostCount += 1;
    });
  }

  /** Binds. Rejects with `QuicError`: `address-in-use`, `address-unavailable`, `host-not-found`. */
  static async bind(host: string, port: number, isIpv6Only = false): Promise<UdpSocket> {
    const address = isIP(host) === 0 ? await resolve(host, 0) : host;
    const isIpv6 = isIP(address) === 6;
    const socket = createSocket({
      type: isIpv6 ? 'udp6' : 'udp4',
      ipv6Only: isIpv6 && isIpv6Only,
      // Targets are addresses already: answer at once, so that `send` reaches the kernel in the
      // same tick.
      lookup: (target, _options, callback) => callback(null, target, isIpv6 ? 6 : 4),
    });
    await new Promise<void>((resolvePromise, reject) => {
      socket.once('error', reject);
      socket.bind({ address, port }, () => {
        socket.removeListener('error', reject);
        resolvePromise();
      });
    }).catch((cause: NodeJS.ErrnoException) => {
      socket.close();
      throw bindError(host, port, cause);
    });
    growBuffers(socket);
    return new UdpSocket(socket, isIpv6);
  }

  onMessage(listener: (datagram: Buffer, remote: RemoteInfo) => void): void {
    this.#socket.on('message', listener);
  }

  /**
   * Sends the first `length` bytes of `buffer`. Returns false when the system holds on to the
   * buffer, which must then not be changed any more.
   */
  send(buffer: Uint8Array, length: number, host: string, port: number): boolean {
    if (this.#isClosed) return true;
    if (this.#socket.getSendQueueSize() > SOCKET_QUEUE_BYTES_MAX) {
      this.lostCount += 1;
      return true;
    }
    this.#socket.send(buffer, 0, length, port, host);
    return this.#socket.getSendQueueCount() === 0;
  }

  /** The form in which this socket names an address: IPv4 inside IPv6 on a socket of both. */
  toSocketHost(address: string): string {
    return this.#isIpv6 && isIP(address) === 4 ? `::ffff:${address}` : address;
  }

  /** Address of a host name, in the family of this socket. Rejects with code `host-not-found`. */
  async resolveHost(host: string): Promise<string> {
    const family = isIP(host);
    if (family === 0) return this.toSocketHost(await resolve(host, this.#isIpv6 ? 0 : 4));
    if (family === 6 && !this.#isIpv6) {
      throw new QuicError(
        'host-not-found',
        `${host} is an IPv6 address, but this endpoint listens on ${this.host} (IPv4)`,
      );
    }
    return this.toSocketHost(host);
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isClosed = true;
    return new Promise((resolvePromise) => this.#socket.close(resolvePromise));
  }
}

/** The address as people write it: IPv4 without its IPv6 prefix. */
export function displayHost(host: string): string {
  return host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host;
}

async function resolve(host: string, family: 0 | 4): Promise<string> {
  try {
    return (await lookup(host, { family })).address;
  } catch (cause) {
    throw new QuicError('host-not-found', `the host name '${host}' has no usable address`, {
      cause,
    });
  }
}

function growBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
    socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
  } catch {
    // Some systems refuse more than their maximum instead of granting it; the default works too.
  }
}

function bindError(host: string, port: number, cause: NodeJS.ErrnoException): QuicError {
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (cause.code === 'EADDRINUSE') {
    return new QuicError(
      'address-in-use',
      `cannot listen on ${where}: the UDP port is in use; stop the process that holds it or choose another port`,
      { cause },
    );
  }
  const reason =
    cause.code === 'EACCES'
      ? 'not permitted; ports below 1024 need privileges'
      : cause.code === 'EADDRNOTAVAIL'
        ? 'this machine has no such address'
        : cause.message;
  return new QuicError('address-unavailable', `cannot listen on ${where}: ${reason}`, { cause });
}
