import type { Connection } from '../quic/connection.js';
import type { Stream, StreamHandler } from '../quic/stream.js';
import { malformed } from './codec.js';
import { STREAM_CODE } from './codes.js';
import { FrameBuffer } from './frame-buffer.js';
import type { ReceiveBudget } from './frame-reader.js';
import { ORDERED_BYTES_MAX } from './limits.js';
import { SENDS_ONLY } from './one-way.js';
import { decodeFrame, encodeMany, type Frame } from './wire2.js';

/** Feature of a hello: on a unidirectional stream this side reads many notifications, not only one. */
export const ORDERED_NOTIFICATIONS = 'ordered-notifications';

/** Behind everything that nobody gave an urgency, which is 3. */
const IN_ORDER_URGENCY = 4;

/**
 * Sends the notifications of this side that keep their order: on one unidirectional stream, one after the
 * other, if the peer reads that. A stream for each costs the peer a packet that gives the place back (quiche
 * 0.18 does it for each one), which has to be acknowledged in turn.
 */
export class OrderedNotifications {
  readonly #connection: Connection;
  readonly #handler: StreamHandler;
  #stream: Stream | undefined;
  /** Whether the hello of the peer says that it reads many on one stream. */
  isUnderstood = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    // The next notification begins anew.
    const forget = (): void => {
      this.#stream = undefined;
    };
    this.#handler = { ...SENDS_ONLY, onStopped: forget, onConnectionClosed: forget };
  }

  /** False if it was not sent, since the peer takes nothing. */
  send(frame: Uint8Array): boolean {
    const stream = this.#stream ?? this.#open();
    if (stream === undefined) return false;
    const { queuedBytes } = stream;
    if (queuedBytes > 0 && queuedBytes + frame.length > ORDERED_BYTES_MAX) return false;
    stream.write(frame, !this.isUnderstood);
    return true;
  }

  /** Ends the stream, so that a close which delivers what was written need not wait for it. */
  end(): void {
    this.#stream?.write(NOTHING, true);
    this.#stream = undefined;
  }

  #open(): Stream | undefined {
    const stream = this.#connection.openUnidirectional(this.#handler);
    stream?.setPriority(IN_ORDER_URGENCY, false);
    if (!this.isUnderstood) return stream;
    stream?.write(encodeMany());
    this.#stream = stream;
    return stream;
  }
}

/** What streams of the peer ask of their connection. */
interface IncomingFramesOwner {
  readonly receiveBudget: ReceiveBudget;
  /** `bytes` is the length of the frame. May throw `RpcError` when it has no place there. */
  onFrame(frame: Frame, bytes: number, isEarly: boolean): void;
  /** What follows on a stream of many cannot be told apart any more. */
  onViolation(reason: string): void;
}

/**
 * What the peer sends on a unidirectional stream in version 2: one frame, or the frame `many` and any number
 * of them. One that cannot be understood is dropped. The sender of many learns of no dropped stream
 * (quiche 0.18 sends no STOP_SENDING), so that the connection ends when it is unclear where the next begins.
 */
export class IncomingFrames implements StreamHandler {
  readonly #owner: IncomingFramesOwner;
  readonly #stream: Stream;
  readonly #buffer: FrameBuffer;
  #state: 'first' | 'only' | 'many' | 'over' = 'first';

  constructor(owner: IncomingFramesOwner, stream: Stream) {
    this.#owner = owner;
    this.#stream = stream;
    this.#buffer = new FrameBuffer(owner.receiveBudget);
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    if (this.#state === 'over') return;
    try {
      this.#buffer.push(bytes);
      for (let frame = this.#buffer.next(); frame !== undefined; frame = this.#buffer.next()) {
        this.#take(frame);
      }
      const isRest = this.#state === 'only' || isFinal;
      if (isRest && this.#buffer.size > 0) throw malformed('bytes that are no message');
      this.#buffer.keep();
    } catch (error) {
      const isOfMany = this.#state === 'many';
      this.#end();
      if (isOfMany) this.#owner.onViolation((error as Error).message);
      else this.#stream.stop(STREAM_CODE.malformed);
    }
  }

  onReset(): void {
    this.#end();
  }

  onStopped(): void {
    // Nothing is sent on a stream of one direction.
  }

  onDrained(): void {
    // Likewise.
  }

  onConnectionClosed(): void {
    this.#end();
  }

  #take(bytes: Uint8Array): void {
    const { isEarly } = this.#stream;
    if (this.#state === 'many') {
      try {
        this.#owner.onFrame(decodeFrame(bytes), bytes.length, isEarly);
      } catch {
        // The next is read all the same.
      }
      return;
    }
    if (this.#state === 'only') throw malformed('bytes after the end of the message');
    const frame = decodeFrame(bytes);
    this.#state = frame.type === 'many' ? 'many' : 'only';
    if (frame.type !== 'many') this.#owner.onFrame(frame, bytes.length, isEarly);
  }

  #end(): void {
    this.#state = 'over';
    this.#buffer.release();
  }
}

const NOTHING = new Uint8Array();
