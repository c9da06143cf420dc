/** What a process needs that passes datagrams on later than they came. */
import { createSocket, type Socket } from 'node:dgram';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Datagrams on their way, the next to arrive first. */
export class Underway {
  readonly #items: { readonly atMs: number; readonly deliver: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** `atMs`: on the clock of `performance.now()`; what is due is delivered at once. */
  add(atMs: number, deliver: () => void): void {
    if (atMs <= performance.now()) {
      deliver();
      return;
    }
    let index = this.#items.length;
    while (index > 0 && this.#items[index - 1]!.atMs > atMs) index -= 1;
    this.#items.splice(index, 0, { atMs, deliver });
    if (index === 0) this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const next = this.#items[0];
    if (next === undefined) return;
    this.#timer = setTimeout(() => {
      const now = performance.now();
      while (this.#items.length > 0 && this.#items[0]!.atMs <= now) this.#items.shift()!.deliver();
      this.#arm();
    }, next.atMs - performance.now());
  }
}

const BUFFER_BYTES = 4 * 1024 * 1024;

/** A socket with large buffers; what it cannot send is lost, as on any way. */
export function openSocket(): Socket {
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: BUFFER_BYTES,
    sendBufferSize: BUFFER_BYTES,
    lookup: (target, _options, callback) => callback(null, target, 4),
  });
  socket.on('error', () => undefined);
  return socket;
}

export function send(socket: Socket, bytes: Buffer, to: Address): void {
  try {
    socket.send(bytes, to.port, to.host);
  } catch {
    // The port was given up while the datagram was on its way: lost.
  }
}
