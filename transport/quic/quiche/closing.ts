import { CLOSE_FLUSH_MS_MAX, CLOSE_POLL_MS, CLOSE_REASON_BYTES_MAX } from '../limits.js';
import type { NativeConnection } from './native.js';
import type { StreamTable } from './stream-table.js';

interface ClosingCallbacks {
  /** Time has passed: look again, and send what there is. */
  readonly poll: () => void;
  /** It has taken long enough. */
  readonly late: () => void;
}

interface Mark {
  readonly atMs: number;
  readonly receivedCount: number;
  readonly lostCount: number;
}

/**
 * A graceful close: finds out when the peer has what was written. Of a stream that has ended both
 * ways quiche tells; of others not, so that a packet is sent that the peer must acknowledge, and when
 * that has come and nothing was found lost, what went before it has come too.
 */
export class Closing {
  readonly code: number;
  readonly reason: string;
  readonly #native: NativeConnection;
  readonly #streams: StreamTable;
  readonly #late: NodeJS.Timeout;
  readonly #poll: NodeJS.Timeout;
  #mark: Mark | undefined;

  constructor(
    native: NativeConnection,
    streams: StreamTable,
    code: number,
    reason: string,
    callbacks: ClosingCallbacks,
  ) {
    this.#native = native;
    this.#streams = streams;
    this.code = code;
    this.reason = reason;
    this.#late = setTimeout(callbacks.late, CLOSE_FLUSH_MS_MAX);
    this.#poll = setInterval(callbacks.poll, CLOSE_POLL_MS);
  }

  /** Call it when all packets have gone out that may go now. */
  isDelivered(nowMs: number): boolean {
    if (this.#streams.isWaiting) return false;
    if (this.#streams.isAllFreed()) return true;
    const { recv, lost } = this.#native.stats();
    const mark = this.#mark;
    if (mark === undefined || lost > mark.lostCount) {
      this.#mark = { atMs: nowMs, receivedCount: recv, lostCount: lost };
      this.#native.sendAckEliciting();
      return false;
    }
    const rttMs = this.#native.pathStats().find(({ active }) => active)?.rtt ?? 0;
    // Loss by time is found nine eighths of a round trip after the acknowledgement (RFC 9002 6.1.2).
    return recv > mark.receivedCount && nowMs - mark.atMs >= rttMs * 2.25 + CLOSE_POLL_MS;
  }

  stop(): void {
    clearTimeout(this.#late);
    clearInterval(this.#poll);
  }
}

/** A reason as it travels: cut at a whole character. */
export function reasonBytes(reason: string): Uint8Array {
  const bytes = Buffer.from(reason);
  let length = Math.min(bytes.length, CLOSE_REASON_BYTES_MAX);
  // Continuation bytes of UTF-8 begin with the bits 10.
  while (length < bytes.length && length > 0 && ((bytes[length] ?? 0) & 0xc0) === 0x80) length -= 1;
  return bytes.subarray(0, length);
}
