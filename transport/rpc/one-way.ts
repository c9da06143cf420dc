import type { Stream, StreamHandler } from '../quic/stream.js';
import { STREAM_CODE } from './codes.js';
import { FrameReader, type ReceiveBudget } from './frame-reader.js';

/** Handles the unidirectional streams of this side: one write each. */
export const SENDS_ONLY: StreamHandler = {
  onData() {
    // Nothing comes back on a stream of this side.
  },
  onReset() {
    // Likewise.
  },
  onStopped() {
    // A notification that the peer does not want is lost, as it may be.
  },
  onDrained() {
    // A notification is one write.
  },
  onConnectionClosed() {
    // At most once: lost with the connection.
  },
};

/**
 * What the peer sends on a unidirectional stream: one message, in any version. One that cannot be
 * understood is dropped.
 */
export class IncomingOneWay implements StreamHandler {
  readonly #stream: Stream;
  readonly #reader: FrameReader;
  readonly #onMessage: (message: Uint8Array, isEarly: boolean) => void;

  /** `onMessage` may throw `RpcError` when the message cannot be read. */
  constructor(
    stream: Stream,
    budget: ReceiveBudget,
    onMessage: (message: Uint8Array, isEarly: boolean) => void,
  ) {
    this.#stream = stream;
    this.#reader = new FrameReader(budget);
    this.#onMessage = onMessage;
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    try {
      const message = this.#reader.push(bytes, isFinal);
      if (message !== undefined) this.#onMessage(message, this.#stream.isEarly);
    } catch {
      this.#reader.release();
      this.#stream.stop(STREAM_CODE.malformed);
    }
  }

  onReset(): void {
    this.#reader.release();
  }

  onStopped(): void {
    // Nothing is sent on a stream of one direction.
  }

  onDrained(): void {
    // Nothing is sent on a stream of one direction.
  }

  onConnectionClosed(): void {
    this.#reader.release();
  }
}
