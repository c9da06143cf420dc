import { ACK_DELAY_MS } from '../limits.js';

/** What waits: an acknowledgement, and what small things go along with it. */
interface Owing {
  /** True while the acknowledgement has not left with something else. */
  readonly owesAcknowledgement: boolean;
  /** Sends it. */
  flushLate(): void;
}

/**
 * Connections whose only news for the peer is that a packet came. They wait a moment, so that the
 * acknowledgement leaves in the packet of an answer (RFC 9000 13.2.1 allows `max_ack_delay`, here
 * 25 ms). One timer for all of them: most have answered when it fires.
 */
export class LateFlushes {
  #waiting = new Set<Owing>();
  #timer: NodeJS.Timeout | undefined;

  add(connection: Owing): void {
    this.#waiting.add(connection);
    this.#timer ??= setTimeout(() => this.#flush(), ACK_DELAY_MS);
  }

  /** Nobody waits any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.clear();
  }

  #flush(): void {
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const connection of waiting) {
      if (connection.owesAcknowledgement) connection.flushLate();
    }
  }
}
