import { ACK_DELAY_MS } from '../limits.js';

interface Owing {
  /** A flush is about to come anyway. */
  readonly isScheduled: boolean;
  flush(isLate: boolean): void;
}

/**
 * Connections whose only news for the peer is that a packet came. They wait a moment, so that the
 * acknowledgement leaves in the packet of an answer (RFC 9000 13.2.1 allows `max_ack_delay`, here
 * 25 ms). One timer for all of them: most have answered when it fires.
 */
export class LateFlushes {
  #waiting = new Set<Owing>();
  #isTimed = false;

  add(connection: Owing): void {
    this.#waiting.add(connection);
    if (this.#isTimed) return;
    this.#isTimed = true;
    setTimeout(() => this.#flush(), ACK_DELAY_MS).unref();
  }

  #flush(): void {
    this.#isTimed = false;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const connection of waiting) {
      if (!connection.isScheduled) connection.flush(true);
    }
  }
}
