import type { Stream, StreamHandler } from '../quic/stream.js';
import { IncomingContext } from './incoming-context.js';
import { STREAM_CODE } from './codes.js';
import { FrameReader, type ReceiveBudget } from './frame-reader.js';
import { RpcError, type Handler, type RpcConnection } from './rpc.js';
import {
  decodeNotification,
  decodeRequest,
  encodeAnswer,
  encodeFailure,
  type Notification,
  type Request,
} from './wire.js';

/** What is asked of a session by what the peer sends. */
export interface IncomingOwner {
  readonly connection: RpcConnection;
  readonly receiveBudget: ReceiveBudget;
  /**
   * The handler of a method, or why there is none now. A handler that is returned counts as
   * running.
   */
  takeHandler(method: string): Handler | RpcError;
  /** A handler that `takeHandler` returned has come to its end. */
  releaseHandler(): void;
  /** A handler threw something that is no `RpcError`. */
  reportHandlerError(method: string, error: unknown): void;
  onNotification(notification: Notification): void;
  /** Contexts of notifications that run, to be aborted when the connection is lost. */
  readonly notificationContexts: Set<IncomingContext>;
  /** True when the peer reads too slowly for one more answer. */
  readonly isSendFull: boolean;
}

/** A call that the peer makes. It is answered once: by the handler, or by the deadline. */
export class IncomingCall implements StreamHandler {
  readonly #owner: IncomingOwner;
  readonly #stream: Stream;
  readonly #reader: FrameReader;
  #context: IncomingContext | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(owner: IncomingOwner, stream: Stream) {
    this.#owner = owner;
    this.#stream = stream;
    this.#reader = new FrameReader(owner.receiveBudget);
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    if (this.#isOver) return;
    let request: Request;
    try {
      const message = this.#reader.push(bytes, isFinal);
      if (message === undefined) return;
      request = decodeRequest(message);
    } catch (error) {
      this.#answerFailure(asRpcError(error));
      this.#stream.stop(STREAM_CODE.malformed);
      return;
    }
    this.#run(request);
  }

  onReset(): void {
    this.#abandon(new RpcError('cancelled', 'the caller cancelled'));
    this.#stream.reset(STREAM_CODE.cancelled);
  }

  onStopped(code: number): void {
    const error =
      code === STREAM_CODE.deadlineExceeded
        ? new RpcError('deadline-exceeded', 'the deadline of the caller passed')
        : new RpcError('cancelled', 'the caller cancelled');
    this.#abandon(error);
    this.#stream.stop(STREAM_CODE.cancelled);
  }

  onDrained(): void {
    // An answer is one write: there is nothing to go on with.
  }

  onConnectionClosed(): void {
    this.#abandon(new RpcError('unavailable', 'the connection to the caller was lost'));
  }

  #run(request: Request): void {
    const { method, timeoutMs, payload } = request;
    const handler = this.#owner.takeHandler(method);
    if (handler instanceof RpcError) {
      this.#answerFailure(handler);
      return;
    }
    const context = new IncomingContext(this.#owner.connection, timeoutMs);
    this.#context = context;
    let result: unknown;
    try {
      result = handler(payload, context);
    } catch (error) {
      this.#onHandlerError(method, error);
      return;
    }
    if (!isThenable(result)) {
      this.#onHandlerResult(method, result);
      return;
    }
    this.#timer = setTimeout(() => this.#onDeadline(method, timeoutMs), timeoutMs);
    result.then(
      (value) => this.#onHandlerResult(method, value),
      (error: unknown) => this.#onHandlerError(method, error),
    );
  }

  #onHandlerResult(method: string, result: unknown): void {
    this.#owner.releaseHandler();
    if (this.#isOver) return;
    if (this.#owner.isSendFull) {
      this.#answerFailure(new RpcError('overloaded', 'too many answers wait to be read'));
      return;
    }
    let frame: Uint8Array;
    try {
      frame = encodeAnswer(result);
    } catch (error) {
      this.#owner.reportHandlerError(method, error);
      const text = `the answer of the handler of '${method}' cannot be sent`;
      this.#answerFailure(new RpcError('internal', text));
      return;
    }
    this.#end();
    this.#stream.write(frame, true);
  }

  #onHandlerError(method: string, error: unknown): void {
    this.#owner.releaseHandler();
    if (error instanceof RpcError) {
      this.#answerFailure(error);
      return;
    }
    this.#owner.reportHandlerError(method, error);
    // What a handler throws may hold paths, queries or secrets: the peer is told that it failed, no
    // more.
    this.#answerFailure(new RpcError('internal', `the handler of '${method}' failed`));
  }

  #onDeadline(method: string, timeoutMs: number): void {
    const text = `the handler of '${method}' did not answer within ${timeoutMs} ms`;
    const error = new RpcError('deadline-exceeded', text);
    this.#context?.abort(error);
    this.#answerFailure(error);
  }

  #answerFailure(error: RpcError): void {
    if (this.#end()) this.#stream.write(encodeFailure(error), true);
  }

  #abandon(reason: RpcError): void {
    this.#context?.abort(reason);
    this.#end();
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#reader.release();
    return true;
  }
}

/** A notification that the peer sends. One that cannot be understood is dropped. */
export class IncomingNotification implements StreamHandler {
  readonly #owner: IncomingOwner;
  readonly #stream: Stream;
  readonly #reader: FrameReader;

  constructor(owner: IncomingOwner, stream: Stream) {
    this.#owner = owner;
    this.#stream = stream;
    this.#reader = new FrameReader(owner.receiveBudget);
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    let notification: Notification;
    try {
      const message = this.#reader.push(bytes, isFinal);
      if (message === undefined) return;
      notification = decodeNotification(message);
    } catch {
      this.#reader.release();
      this.#stream.stop(STREAM_CODE.malformed);
      return;
    }
    this.#owner.onNotification(notification);
  }

  onReset(): void {
    this.#reader.release();
  }

  onStopped(): void {
    // Nothing is sent on the stream of a notification.
  }

  onDrained(): void {
    // Nothing is sent on the stream of a notification.
  }

  onConnectionClosed(): void {
    this.#reader.release();
  }
}

/** Runs the handler of a notification; its result is dropped. */
export function runNotification(
  owner: IncomingOwner,
  notification: Notification,
  timeoutMs: number,
): void {
  const { method, payload } = notification;
  const handler = owner.takeHandler(method);
  if (handler instanceof RpcError) return;
  const context = new IncomingContext(owner.connection, timeoutMs);
  owner.notificationContexts.add(context);
  const onEnd = (): void => {
    owner.notificationContexts.delete(context);
    owner.releaseHandler();
  };
  const onError = (error: unknown): void => {
    onEnd();
    if (!(error instanceof RpcError)) owner.reportHandlerError(method, error);
  };
  let result: unknown;
  try {
    result = handler(payload, context);
  } catch (error) {
    onError(error);
    return;
  }
  if (isThenable(result)) result.then(onEnd, onError);
  else onEnd();
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  );
}

function asRpcError(error: unknown): RpcError {
  return error instanceof RpcError
    ? error
    : new RpcError('malformed', 'the request cannot be read');
}
