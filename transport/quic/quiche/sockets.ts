import type { RemoteInfo } from 'node:dgram';
import { SOCKETS_MAX, SOCKET_LINGER_MS } from '../limits.js';
import { QuicError } from '../quic-error.js';
import type { NativeHost } from './native.js';
import { UdpSocket } from './udp-socket.js';

type Listener = (socket: UdpSocket, datagram: Buffer, remote: RemoteInfo) => void;

/**
 * The sockets of an engine: the one that it listens on, and those to which connections have moved
 * (RFC 9000 9). Each of
 * those belongs to one connection and lives until it has left.
 */
export class Sockets {
  readonly primary: UdpSocket;
  readonly #listener: Listener;
  readonly #others = new Map<string, UdpSocket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isClosed = false;

  constructor(primary: UdpSocket, listener: Listener) {
    this.primary = primary;
    this.#listener = listener;
    primary.onMessage((datagram, remote) => listener(primary, datagram, remote));
  }

  /** The socket with this local address. */
  find(local: NativeHost): UdpSocket {
    if (this.#others.size === 0 || isSame(this.primary.local, local)) return this.primary;
    return this.#others.get(keyOf(local)) ?? this.primary;
  }

  /** A further socket, for one connection; give it back with `release`. Rejects as `UdpSocket.bind`. */
  async bind(host: string, port: number): Promise<UdpSocket> {
    if (this.#others.size + 1 >= SOCKETS_MAX) {
      throw new QuicError('limit', `this endpoint has ${SOCKETS_MAX} local addresses already`);
    }
    const socket = await UdpSocket.bind(host, port);
    if (this.#isClosed) {
      await socket.close();
      throw new QuicError('closed', 'this endpoint is closed');
    }
    socket.onMessage((datagram, remote) => this.#listener(socket, datagram, remote));
    this.#others.set(keyOf(socket.local), socket);
    return socket;
  }

  /** A connection has left this local address; packets on their way to it are still heard. */
  release(local: NativeHost): void {
    const socket = this.#others.get(keyOf(local));
    if (socket === undefined) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#others.delete(keyOf(local));
      void socket.close();
    }, SOCKET_LINGER_MS);
    timer.unref();
    this.#timers.add(timer);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const others = [...this.#others.values()];
    this.#others.clear();
    await Promise.all([this.primary, ...others].map((socket) => socket.close()));
  }
}

function keyOf(local: NativeHost): string {
  return `${local.host} ${local.port}`;
}

function isSame(one: NativeHost, other: NativeHost): boolean {
  return one.port === other.port && one.host === other.host;
}
