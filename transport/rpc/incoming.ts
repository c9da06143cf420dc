import type { Stream, StreamHandler } from '../quic/stream.js';
import { STREAM_CODE } from './codes.js';
import { FrameReader, type ReceiveBudget } from './frame-reader.js';
import { RpcError } from './rpc.js';
import { UnaryRun, asRpcError, type AnswerWire, type IncomingOwner } from './unary-run.js';
import { decodeRequest, encodeAnswer, encodeFailure, type Request } from './wire.js';

const WIRE_1: AnswerWire = { answer: encodeAnswer, failure: encodeFailure };

/** A call that the peer makes on a connection of version 1. */
export class IncomingCall implements StreamHandler {
  readonly #stream: Stream;
  readonly #reader: FrameReader;
  readonly #run: UnaryRun;
  readonly #owner: IncomingOwner;

  constructor(owner: IncomingOwner, stream: Stream, budget: ReceiveBudget) {
    this.#stream = stream;
    this.#owner = owner;
    this.#reader = new FrameReader(budget);
    this.#run = new UnaryRun(owner, stream, WIRE_1);
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    if (this.#run.isOver) return;
    let request: Request;
    let requestBytes: number;
    try {
      const message = this.#reader.push(bytes, isFinal);
      if (message === undefined) return;
      requestBytes = message.length;
      request = decodeRequest(message);
    } catch (error) {
      this.#reader.release();
      this.#run.answerFailure(asRpcError(error));
      this.#stream.stop(STREAM_CODE.malformed);
      return;
    }
    this.#run.run({ ...request, requestBytes });
  }

  onReset(): void {
    this.#abandon(new RpcError('cancelled', 'the caller cancelled'));
    this.#stream.reset(STREAM_CODE.cancelled);
  }

  onStopped(code: number): void {
    this.#abandon(errorOfStop(code));
    this.#stream.stop(STREAM_CODE.cancelled);
  }

  onDrained(): void {
    this.#owner.onSendRoom();
  }

  onConnectionClosed(): void {
    this.#abandon(callerLost());
  }

  #abandon(reason: RpcError): void {
    this.#reader.release();
    this.#run.abandon(reason);
  }
}

/** What STOP_SENDING of a caller means. */
export function errorOfStop(code: number): RpcError {
  return code === STREAM_CODE.deadlineExceeded
    ? new RpcError('deadline-exceeded', 'the deadline of the caller passed')
    : new RpcError('cancelled', 'the caller cancelled');
}

export function callerLost(): RpcError {
  return new RpcError('unavailable', 'the connection to the caller was lost');
}
