import type { Stream, StreamHandler } from '../quic/stream.js';
import { offAbort, onAbort } from './abort-listeners.js';
import { STREAM_CODE } from './codes.js';
import { FrameReader, type ReceiveBudget } from './frame-reader.js';
import { RpcError, type CallOptions } from './rpc.js';
import { decodeAnswer } from './wire.js';

/** What a call asks of its session. */
export interface CallOwner {
  readonly receiveBudget: ReceiveBudget;
  /** The call has its answer, or never will. */
  onCallOver(call: OutgoingCall): void;
}

/**
 * A call that this side makes. It settles once, by whatever comes first: the answer, its deadline,
 * the caller's signal, or the end of the connection.
 */
export class OutgoingCall implements StreamHandler {
  readonly frame: Uint8Array;
  isOver = false;

  readonly #owner: CallOwner;
  readonly #method: string;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (payload: unknown) => void;
  readonly #reject: (error: RpcError) => void;
  readonly #reader: FrameReader;
  readonly #timer: NodeJS.Timeout;
  #stream: Stream | undefined;
  #hasAnswerBegun = false;

  constructor(
    owner: CallOwner,
    request: { readonly method: string; readonly frame: Uint8Array; readonly options: CallOptions },
    resolve: (payload: unknown) => void,
    reject: (error: RpcError) => void,
  ) {
    this.#owner = owner;
    this.#method = request.method;
    this.frame = request.frame;
    this.#timeoutMs = request.options.timeoutMs;
    this.#signal = request.options.signal;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#reader = new FrameReader(owner.receiveBudget);
    this.#timer = setTimeout(() => this.#onDeadline(), this.#timeoutMs);
    if (this.#signal !== undefined) onAbort(this.#signal, this.#onAbort);
  }

  /** A stream has been opened for this call. */
  begin(stream: Stream): void {
    this.#stream = stream;
    stream.write(this.frame, true);
  }

  /** Ends the call here; the peer is told that nobody waits any more. */
  fail(error: RpcError, streamCode: number = STREAM_CODE.cancelled): void {
    if (!this.#end()) return;
    this.#cancelStream(streamCode);
    this.#reject(error);
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    this.#hasAnswerBegun = true;
    if (this.isOver) return;
    let payload: unknown;
    try {
      const message = this.#reader.push(bytes, isFinal);
      if (message === undefined) return;
      payload = decodeAnswer(message);
    } catch (error) {
      const failure =
        error instanceof RpcError
          ? error
          : new RpcError('malformed', `the answer to '${this.#method}' cannot be read`);
      this.fail(failure, STREAM_CODE.malformed);
      return;
    }
    if (this.#end()) this.#resolve(payload);
  }

  onReset(): void {
    this.fail(new RpcError('unavailable', `the peer gave up answering '${this.#method}'`));
  }

  onStopped(): void {
    // The peer does not want the rest of the request; its answer says why.
  }

  onDrained(): void {
    // A request is one write: there is nothing to go on with.
  }

  onConnectionClosed(): void {
    // The session fails all its calls, those that wait for a stream too.
  }

  /**
   * A request that is not complete ends short of its length; one that is complete is stopped; and
   * of an answer that is on its way the rest is dropped as it comes. (Resetting streams that carry
   * much data costs the connection of quiche 0.18 window and places.)
   */
  #cancelStream(code: number): void {
    if (this.#stream === undefined) return;
    if (this.#stream.queuedBytes > 0) this.#stream.cut();
    else if (!this.#hasAnswerBegun) this.#stream.stop(code);
  }

  #onDeadline(): void {
    const text = `'${this.#method}' was not answered within ${this.#timeoutMs} ms`;
    this.fail(new RpcError('deadline-exceeded', text), STREAM_CODE.deadlineExceeded);
  }

  readonly #onAbort = (): void => {
    const cause: unknown = this.#signal?.reason;
    this.fail(new RpcError('cancelled', `'${this.#method}' was cancelled`, { cause }));
  };

  #end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    clearTimeout(this.#timer);
    if (this.#signal !== undefined) offAbort(this.#signal, this.#onAbort);
    this.#reader.release();
    this.#owner.onCallOver(this);
    return true;
  }
}
