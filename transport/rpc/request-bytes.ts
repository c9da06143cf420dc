import type { LoadLimits } from './admission.js';
import {
  ENDPOINT_REQUEST_BYTES_MAX,
  REQUEST_BYTES_COUNTED_MIN,
  REQUEST_BYTES_MAX,
  RETRY_AFTER_MS,
} from './limits.js';
import { RpcError } from './rpc.js';

/**
 * Bytes on the wire of the large requests that handlers work on. A request is held from when it is
 * whole until its handler has ended, also when the caller has gone. Small ones are bounded by the
 * number of handlers and are not counted.
 */
export class RequestBytes {
  readonly #perPeerMax: number;
  readonly #max: number;
  readonly #held = new Map<string, number>();
  #heldBytes = 0;

  constructor(limits: LoadLimits = {}) {
    this.#perPeerMax = limits.requestBytesPerPeerMax ?? REQUEST_BYTES_MAX;
    this.#max = limits.requestBytesMax ?? ENDPOINT_REQUEST_BYTES_MAX;
  }

  /** Holds a request until `letGo`, or says why there is no room for it. A peer may always have one. */
  hold(peerId: string, bytes: number): RpcError | undefined {
    if (bytes < REQUEST_BYTES_COUNTED_MIN) return undefined;
    const held = this.#held.get(peerId) ?? 0;
    if (held > 0) {
      const room = Math.min(this.#perPeerMax - held, this.#max - this.#heldBytes);
      if (bytes > room) {
        const text =
          `requests of ${held} bytes of this peer are being worked on, ` +
          `of all peers ${this.#heldBytes}: there is no room for ${bytes} more`;
        const details = { retryAfterMs: RETRY_AFTER_MS };
        return new RpcError('overloaded', text, { reason: 'request-bytes', details });
      }
    }
    this.#held.set(peerId, held + bytes);
    this.#heldBytes += bytes;
    return undefined;
  }

  letGo(peerId: string, bytes: number): void {
    if (bytes < REQUEST_BYTES_COUNTED_MIN) return;
    const left = (this.#held.get(peerId) ?? 0) - bytes;
    if (left > 0) this.#held.set(peerId, left);
    else this.#held.delete(peerId);
    this.#heldBytes -= bytes;
  }
}
