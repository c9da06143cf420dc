import type { Stream, StreamHandler } from '../quic/stream.js';
import { LENGTH_BYTES } from './codec.js';
import { STREAM_CODE } from './codes.js';
import { FrameBuffer } from './frame-buffer.js';
import type { ReceiveBudget } from './frame-reader.js';
import { callerLost, errorOfStop } from './incoming.js';
import { IncomingStream } from './incoming-stream.js';
import { HEAD_BYTES_MAX } from './limits.js';
import { RpcError } from './rpc.js';
import { UnaryRun, asRpcError, type AnswerWire, type IncomingOwner } from './unary-run.js';
import {
  decodeFrame,
  encodeFailureTrailer,
  encodeTrailer,
  unexpectedFrame,
  type Frame,
  type Head,
} from './wire2.js';

const WIRE_2: AnswerWire = { answer: encodeTrailer, failure: encodeFailureTrailer };

/** What calls ask of the heads that are late. */
export interface HeadWatch {
  /** A stream has brought the beginning of its head. */
  watchHead(exchange: IncomingExchange): void;
  /** It has it, or is over. */
  unwatchHead(exchange: IncomingExchange): void;
}

/**
 * A call that the peer makes on a connection of version 2.
 *
 *   head --unary--> message --> fin --> running --> over
 *     '----stream--> handed over to an `IncomingStream`
 *
 * A unary call is run when it is there whole with the end of its direction; a small one comes in one
 * piece and is read without a copy.
 */
export class IncomingExchange implements StreamHandler {
  readonly #owner: IncomingOwner;
  readonly #watch: HeadWatch;
  readonly #stream: Stream;
  readonly #budget: ReceiveBudget;
  /** Made when a call does not come in one piece. */
  #ownBuffer: FrameBuffer | undefined;
  readonly #run: UnaryRun;
  #state: 'head' | 'message' | 'fin' | 'over' = 'head';
  #head: Head | undefined;
  #payload: unknown;
  #payloadBytes = 0;
  #streaming: IncomingStream | undefined;

  constructor(owner: IncomingOwner, watch: HeadWatch, stream: Stream, budget: ReceiveBudget) {
    this.#owner = owner;
    this.#watch = watch;
    this.#stream = stream;
    this.#budget = budget;
    this.#run = new UnaryRun(owner, stream, WIRE_2);
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    if (this.#streaming !== undefined) {
      this.#streaming.onData(bytes, isFinal);
      return;
    }
    if (this.#state === 'over' || this.#run.isOver) return;
    try {
      if (this.#ownBuffer === undefined && isFinal && isOneFrame(bytes)) {
        this.#acceptHead(decodeFrame(bytes.subarray(LENGTH_BYTES)));
        this.#onEndWithHead();
        return;
      }
      this.#buffer.push(bytes);
      this.#read(isFinal);
      if (this.#streaming !== undefined) return;
      this.#buffer.keep();
      if (this.#state === 'head') this.#watch.watchHead(this);
    } catch (error) {
      this.#fail(asRpcError(error));
    }
  }

  /** The head of the call did not come in time. */
  onHeadLate(waitedMs: number): void {
    const text = `the head of the call did not come within ${waitedMs} ms`;
    this.#leave();
    this.#run.answerFailure(new RpcError('deadline-exceeded', text, { reason: 'head-late' }));
    this.#stream.stop(STREAM_CODE.headLate);
  }

  onReset(code: number): void {
    if (this.#streaming !== undefined) {
      this.#streaming.onReset(code);
      return;
    }
    this.#abandon(new RpcError('cancelled', 'the caller cancelled'));
    this.#stream.reset(STREAM_CODE.cancelled);
  }

  onStopped(code: number): void {
    if (this.#streaming !== undefined) {
      this.#streaming.onStopped(code);
      return;
    }
    this.#abandon(errorOfStop(code));
    this.#stream.stop(STREAM_CODE.cancelled);
  }

  onDrained(): void {
    this.#owner.onSendRoom();
    this.#streaming?.onDrained();
  }

  onConnectionClosed(): void {
    if (this.#streaming === undefined) this.#abandon(callerLost());
    else this.#streaming.onConnectionClosed();
  }

  get #buffer(): FrameBuffer {
    return (this.#ownBuffer ??= new FrameBuffer(this.#budget));
  }

  #read(isFinal: boolean): void {
    if (this.#state === 'head') this.#readHead();
    if (this.#streaming !== undefined) {
      this.#streaming.onData(NOTHING, isFinal);
      return;
    }
    if (this.#state === 'message') this.#readMessage();
    if (this.#state === 'fin' && this.#buffer.size > 0) {
      throw unexpectedFrame('after the only message');
    }
    if (isFinal) this.#onFin();
    else if (this.#head !== undefined) {
      const { method, timeoutMs } = this.#head;
      this.#run.armDeadline(method, timeoutMs, () => this.#leave());
    }
  }

  #readHead(): void {
    const bytes = this.#buffer.next(HEAD_BYTES_MAX);
    if (bytes === undefined) return;
    this.#watch.unwatchHead(this);
    this.#acceptHead(decodeFrame(bytes));
  }

  #acceptHead(frame: Frame): void {
    if (frame.type !== 'head') throw unexpectedFrame(`of type ${frame.type}`);
    this.#head = frame;
    if (frame.urgency !== undefined) this.#stream.setPriority(frame.urgency, true);
    if (frame.kind !== 'unary') {
      const streaming = new IncomingStream(this.#owner, this.#stream, frame, this.#buffer);
      this.#streaming = streaming;
      streaming.start();
      return;
    }
    this.#payload = frame.payload;
    this.#state = frame.hasPayload ? 'fin' : 'message';
  }

  #onEndWithHead(): void {
    if (this.#streaming === undefined) this.#onFin();
    else this.#streaming.onData(NOTHING, true);
  }

  #readMessage(): void {
    const bytes = this.#buffer.next();
    if (bytes === undefined) return;
    this.#payloadBytes = bytes.length;
    const frame = decodeFrame(bytes);
    if (frame.type !== 'message') throw unexpectedFrame(`of type ${frame.type}`);
    this.#payload = frame.payload;
    this.#state = 'fin';
  }

  /** The direction of the caller has ended; before its request was whole it was cancelled. */
  #onFin(): void {
    const head = this.#head;
    if (this.#state !== 'fin' || head === undefined) {
      this.#fail(
        new RpcError('malformed', 'the stream ended before the call was complete', {
          reason: 'unexpected-frame',
        }),
      );
      return;
    }
    const payload = this.#payload;
    this.#payload = undefined;
    this.#state = 'over';
    this.#ownBuffer?.release();
    const { method, timeoutMs, isIdempotent } = head;
    const requestBytes = this.#payloadBytes;
    this.#run.run({ method, timeoutMs, payload, requestBytes, isIdempotent, facts: head });
  }

  #fail(error: RpcError): void {
    this.#leave();
    this.#run.answerFailure(error);
    this.#stream.stop(STREAM_CODE.malformed);
  }

  #abandon(reason: RpcError): void {
    this.#leave();
    this.#run.abandon(reason);
  }

  #leave(): void {
    if (this.#state === 'head') this.#watch.unwatchHead(this);
    this.#state = 'over';
    this.#payload = undefined;
    this.#ownBuffer?.release();
  }
}

const NOTHING = new Uint8Array();

/** True for one whole frame that is no longer than a head may be. */
function isOneFrame(bytes: Uint8Array): boolean {
  if (bytes.length < LENGTH_BYTES || bytes.length > HEAD_BYTES_MAX + LENGTH_BYTES) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getUint32(0);
  return length === bytes.length - LENGTH_BYTES;
}
