import { CALLS_WAITING_MAX, SEND_BYTES_MAX } from './limits.js';
import type { Outgoing } from './outgoing.js';
import { RpcError } from './rpc.js';

/**
 * Calls of a connection that have no stream yet, in the order in which they were made: because the
 * peer allows no more streams, or because it has not let this side in and they may not ride in 0-RTT.
 */
export class CallQueue {
  readonly #waiting = new Set<Outgoing>();
  #bytes = 0;

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Throws `RpcError` with code `overloaded` when there is no room for a call of so many bytes beside
   * the `queuedBytes` of the connection.
   */
  checkRoom(bytes: number, queuedBytes: number): void {
    if (this.#waiting.size >= CALLS_WAITING_MAX) {
      throw new RpcError('overloaded', `${CALLS_WAITING_MAX} calls to this peer wait already`, {
        reason: 'calls-waiting',
      });
    }
    if (this.#bytes + queuedBytes + bytes > SEND_BYTES_MAX) {
      throw new RpcError('overloaded', `${SEND_BYTES_MAX} bytes to this peer wait already`, {
        reason: 'waiting-bytes',
      });
    }
  }

  add(call: Outgoing): void {
    this.#waiting.add(call);
    this.#bytes += call.waitingBytes;
  }

  remove(call: Outgoing): void {
    if (this.#waiting.delete(call)) this.#bytes -= call.waitingBytes;
  }

  /**
   * Begins those that may, in order, until `begin` finds no stream. With `isEarly` only those that may
   * ride in 0-RTT.
   */
  drain(isEarly: boolean, begin: (call: Outgoing) => boolean): void {
    for (const call of this.#waiting) {
      if (isEarly && !call.isIdempotent) continue;
      if (!begin(call)) return;
      this.remove(call);
    }
  }
}
