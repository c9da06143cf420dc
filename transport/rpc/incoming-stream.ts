import type { Stream } from '../quic/stream.js';
import { STREAM_CODE } from './codes.js';
import type { FrameBuffer } from './frame-buffer.js';
import { callerLost, errorOfStop } from './incoming.js';
import { IncomingContext } from './incoming-context.js';
import { isAsyncIterable } from './interceptors.js';
import { MessageQueue, type MessageQueueOwner, type Reading } from './message-queue.js';
import { Outflow, type OutflowSink } from './outflow.js';
import { RpcError, type MessageSource, type Method } from './rpc.js';
import { asRpcError, isThenable, type IncomingOwner } from './unary-run.js';
import {
  decodeFrame,
  encodeFailureTrailer,
  encodeMessage,
  encodeTrailer,
  unexpectedFrame,
  type Frame,
  type Head,
} from './wire2.js';

/**
 * A streaming call that the peer makes, from its head on.
 *
 *   message --> running --handler done--> over (trailer)
 *      |           |
 *      +-----------+-- deadline, the caller's direction ends, reset, stopped, lost --> over (cut)
 *
 * `message` is only of server streams whose message did not fit into the head. A place for the handler
 * is taken when the head is there, and given back when the handler has ended.
 */
export class IncomingStream implements MessageQueueOwner, OutflowSink {
  readonly #owner: IncomingOwner;
  readonly #stream: Stream;
  readonly #head: Head;
  readonly #buffer: FrameBuffer;
  readonly #context: IncomingContext;
  readonly #requests: MessageQueue;
  #state: 'message' | 'running' | 'over' = 'message';
  #method: Method | undefined;
  #outflow: Outflow | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isPlaceTaken = false;
  #heldBytes = 0;

  constructor(owner: IncomingOwner, stream: Stream, head: Head, buffer: FrameBuffer) {
    this.#owner = owner;
    this.#stream = stream;
    this.#head = head;
    this.#buffer = buffer;
    this.#context = new IncomingContext(owner.connection, head.timeoutMs, head);
    this.#requests = new MessageQueue(this, buffer);
    this.#requests.attach(stream);
  }

  start(): void {
    const { method, kind, isIdempotent } = this.#head;
    const taken = this.#owner.dispatch.take({
      peerId: this.#owner.peerId,
      method,
      kind,
      isEarly: this.#stream.isEarly,
      isCallerIdempotent: isIdempotent,
    });
    if (taken instanceof RpcError) {
      this.#finish(encodeFailureTrailer(taken));
      return;
    }
    this.#method = taken;
    this.#isPlaceTaken = true;
    this.#owner.onHandlerBegin();
    this.#timer = setTimeout(() => this.#onDeadline(), this.#head.timeoutMs);
    if (taken.kind === 'client-stream' || taken.kind === 'duplex') this.#run(this.#requests);
    else if (this.#head.hasPayload) this.#run(this.#head.payload);
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    if (this.#state === 'over') return;
    if (this.#head.kind !== 'server-stream') this.#requests.receive(bytes);
    else this.#readServerStream(bytes);
    // See the top of wire2.ts: whoever wants the answer does not end before it has the trailer.
    if (isFinal) this.#abandon(new RpcError('cancelled', 'the caller cancelled'));
  }

  onReset(code: number): void {
    this.#abandon(errorOfStop(code));
  }

  onStopped(code: number): void {
    this.#abandon(errorOfStop(code));
    this.#stream.stop(STREAM_CODE.cancelled);
  }

  onDrained(): void {
    this.#outflow?.resume();
  }

  onConnectionClosed(): void {
    this.#abandon(callerLost());
  }

  read(frame: Frame): Reading {
    if (frame.type === 'message') return { value: frame.payload };
    if (frame.type === 'end') return 'end';
    throw unexpectedFrame(`of type ${frame.type}`);
  }

  onAbandoned(): void {
    // The handler wants no more messages: what comes is dropped, and the call goes on.
  }

  onEnd(error: unknown): void {
    if (error === undefined || this.#state === 'over') return;
    // What cannot be read ends the call, whatever the handler makes of it.
    this.#fail(asRpcError(error));
  }

  send(payload: unknown): boolean {
    let frame: Uint8Array;
    try {
      frame = encodeMessage(payload, this.#owner.peerMessageBytesMax);
    } catch (error) {
      throw this.#owner.dispatch.unsendable(this.#head.method, this.#owner.peerId, error);
    }
    if (!this.#stream.write(frame)) return false;
    if (!this.#owner.isSendFull) return true;
    this.#owner.awaitSendRoom(() => this.#outflow?.resume());
    return false;
  }

  onSourceEnd(): void {
    this.#release();
    if (this.#state !== 'over') this.#finish(encodeTrailer(null, this.#context.trailer));
  }

  onSourceError(error: unknown): void {
    this.#release();
    const { dispatch, peerId } = this.#owner;
    this.#fail(dispatch.failureOf(this.#head.method, peerId, error));
  }

  #readServerStream(received: Uint8Array): void {
    try {
      this.#buffer.push(received);
      for (let bytes = this.#buffer.next(); bytes !== undefined; bytes = this.#buffer.next()) {
        const frame = decodeFrame(bytes);
        if (frame.type !== 'message' || this.#state !== 'message') {
          throw unexpectedFrame(`of type ${frame.type}`);
        }
        this.#hold(bytes.length);
        this.#run(frame.payload);
      }
      this.#buffer.keep();
    } catch (error) {
      this.#fail(asRpcError(error));
    }
  }

  #hold(bytes: number): void {
    const { dispatch, peerId } = this.#owner;
    const refusal = dispatch.requests.hold(peerId, bytes);
    if (refusal !== undefined) throw refusal;
    this.#heldBytes = bytes;
  }

  #run(request: unknown): void {
    this.#state = 'running';
    const { dispatch, peerId } = this.#owner;
    const arrival = { method: this.#head.method, peerId };
    const method = this.#method;
    try {
      if (method?.kind === 'client-stream') {
        this.#answerOnce(dispatch.runClientStream(arrival, method, this.#requests, this.#context));
      } else if (method?.kind === 'server-stream' || method?.kind === 'duplex') {
        const source = dispatch.runStream(arrival, method, request, this.#context);
        this.#outflow = new Outflow(checkedSource(source), this);
        this.#outflow.start();
      }
    } catch (error) {
      this.onSourceError(error);
    }
  }

  #answerOnce(result: unknown): void {
    if (isThenable(result)) {
      result.then(
        (value) => this.#onResult(value),
        (error: unknown) => this.onSourceError(error),
      );
    } else {
      this.#onResult(result);
    }
  }

  #onResult(result: unknown): void {
    this.#release();
    if (this.#state === 'over') return;
    const { dispatch, peerId, peerMessageBytesMax } = this.#owner;
    try {
      this.#finish(encodeTrailer(result, this.#context.trailer, peerMessageBytesMax));
    } catch (error) {
      this.#fail(dispatch.unsendable(this.#head.method, peerId, error));
    }
  }

  #onDeadline(): void {
    const { method, timeoutMs } = this.#head;
    const text = `the handler of '${method}' was not done within ${timeoutMs} ms`;
    const error = new RpcError('deadline-exceeded', text);
    // A trailer behind what the caller does not read would come too late for anybody.
    if (this.#stream.queuedBytes > 0) this.#abandon(error);
    else this.#fail(error);
  }

  /** Ends the call with a failure for the caller, and the handler with it. */
  #fail(error: RpcError): void {
    if (this.#state === 'over') return;
    const frame = encodeFailureTrailer(error, this.#context.trailer);
    this.#finish(frame);
    this.#endHandler(error);
  }

  #finish(trailer: Uint8Array): void {
    this.#state = 'over';
    clearTimeout(this.#timer);
    this.#stream.write(trailer, true);
    // The caller ends its direction when it has the trailer; until then what comes is dropped.
    this.#stream.stop(STREAM_CODE.answered);
    this.#requests.fail(new RpcError('cancelled', 'the call has been answered'));
  }

  /** Nobody waits for the answer any more: this direction ends without a trailer. */
  #abandon(reason: RpcError): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    clearTimeout(this.#timer);
    this.#stream.cut();
    this.#endHandler(reason);
  }

  #endHandler(reason: RpcError): void {
    this.#context.abort(reason);
    this.#requests.fail(reason);
    // A handler that ignores its signal keeps its place until it ends.
    if (this.#outflow !== undefined) this.#outflow.stop(() => this.#release());
    else if (this.#method?.kind !== 'client-stream') this.#release();
  }

  #release(): void {
    if (!this.#isPlaceTaken) return;
    this.#isPlaceTaken = false;
    const { dispatch, peerId } = this.#owner;
    dispatch.requests.letGo(peerId, this.#heldBytes);
    dispatch.release(peerId);
    this.#owner.onHandlerEnd();
  }
}

function checkedSource(source: MessageSource): MessageSource {
  if (isAsyncIterable(source)) return source;
  if (typeof source === 'object' && source !== null && Symbol.iterator in source) return source;
  throw new TypeError('the handler of a streaming call must return an iterable');
}
