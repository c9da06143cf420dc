import type { ConnectionHandler } from '../connection.js';
import { DATAGRAMS_QUEUED_MAX, DATAGRAM_OVERHEAD_BYTES } from '../limits.js';
import type { NativeConnection } from './native.js';

/** The unreliable datagrams of one connection (RFC 9221). */
export class Datagrams {
  readonly #native: NativeConnection;

  constructor(native: NativeConnection) {
    this.#native = native;
  }

  /**
   * Largest that fits into a packet of `packetBytes`. quiche counts with the largest packet that may
   * ever be sent, not with the one that the path is known to carry.
   */
  bytesMax(packetBytes: number): number {
    const peerMax = this.#native.dgramMaxWritableLen() ?? 0;
    return Math.max(Math.min(peerMax, packetBytes - DATAGRAM_OVERHEAD_BYTES), 0);
  }

  /** Returns false when the queue is full. */
  send(bytes: Uint8Array): boolean {
    // `null` stands for quiche's `Done`.
    return this.#native.dgramSend(bytes) !== null;
  }

  /** Hands on what has come; without a handler it is dropped. Returns how many bytes it was. */
  read(handler: ConnectionHandler | undefined): number {
    let readBytes = 0;
    for (let left = DATAGRAMS_QUEUED_MAX; left > 0; left -= 1) {
      const bytes = this.#native.dgramRecvVec();
      if (bytes === null) break;
      readBytes += bytes.length;
      handler?.onDatagram?.(bytes);
    }
    return readBytes;
  }
}
