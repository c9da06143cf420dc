import type { Stream } from '../quic/stream.js';
import { offAbort, onAbort } from './abort-listeners.js';
import { STREAM_CODE } from './codes.js';
import { FrameReader } from './frame-reader.js';
import { NO_METADATA } from './metadata.js';
import type { Outgoing, OutgoingOwner } from './outgoing.js';
import { RpcError, type CallOptions } from './rpc.js';
import { decodeAnswer, encodeRequest } from './wire.js';
import { decodeFrame, encodeCall, unexpectedFrame } from './wire2.js';

export interface UnaryRequest {
  readonly method: string;
  readonly payload: unknown;
  readonly options: CallOptions;
}

export interface OutgoingCallOwner extends OutgoingOwner {
  /**
   * The peer did not run the call because it came in 0-RTT: true when it begins again (see
   * `OutgoingCall.again`), false when it has done so before.
   */
  beginAgain(call: OutgoingCall): boolean;
}

/**
 * A unary call that this side makes. It settles once, by whatever comes first: the answer, its
 * deadline, the caller's signal, or the end of the connection.
 */
export class OutgoingCall implements Outgoing {
  readonly method: string;
  isOver = false;

  readonly #owner: OutgoingCallOwner;
  readonly #options: CallOptions;
  readonly #resolve: (payload: unknown) => void;
  readonly #reject: (error: RpcError) => void;
  readonly #reader: FrameReader;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  readonly #version: 1 | 2;
  readonly #frames: readonly [Uint8Array, Uint8Array?];
  /** Kept while the call may have to begin again. */
  #payload: unknown;
  #stream: Stream | undefined;
  #hasAnswerBegun = false;

  /** Throws `RpcError` with code `malformed` when the request cannot be sent. */
  constructor(
    owner: OutgoingCallOwner,
    version: 1 | 2,
    request: UnaryRequest,
    resolve: (payload: unknown) => void,
    reject: (error: RpcError) => void,
  ) {
    this.#owner = owner;
    this.method = request.method;
    this.#options = request.options;
    this.#payload = request.payload;
    this.#version = version;
    this.#frames = this.#encode();
    this.#resolve = resolve;
    this.#reject = reject;
    this.#reader = new FrameReader(owner.receiveBudget);
    this.#timer = setTimeout(() => this.#onDeadline(), request.options.timeoutMs);
    if (request.options.signal !== undefined) onAbort(request.options.signal, this.#onAbort);
  }

  get waitingBytes(): number {
    return this.#frames[0].length + (this.#frames[1]?.length ?? 0);
  }

  get isIdempotent(): boolean {
    return this.#options.idempotent === true;
  }

  begin(stream: Stream): void {
    this.#stream = stream;
    const { urgency } = this.#options;
    if (urgency !== undefined) stream.setPriority(urgency, true);
    const [first, second] = this.#frames;
    stream.write(first, second === undefined);
    if (second !== undefined) stream.write(second, true);
  }

  /**
   * The same call once more, in this version, with what is left of its time; this object is of no use
   * any more. Undefined when it is over.
   */
  again(version: 1 | 2): OutgoingCall | undefined {
    const request = { method: this.method, payload: this.#payload, options: this.#remaining() };
    if (!this.#end()) return undefined;
    this.#cancelStream(STREAM_CODE.cancelled);
    return new OutgoingCall(this.#owner, version, request, this.#resolve, this.#reject);
  }

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
      payload = this.#version === 1 ? decodeAnswer(message) : this.#readTrailer(message);
    } catch (error) {
      this.#onFailure(error);
      return;
    }
    if (this.#end()) this.#resolve(payload);
  }

  onReset(): void {
    this.fail(new RpcError('unavailable', `the peer gave up answering '${this.method}'`));
  }

  onStopped(): void {
    // The peer does not want the rest of the request; its answer says why.
  }

  onDrained(): void {
    this.#owner.onSendRoom();
  }

  onConnectionClosed(): void {
    // The session fails all its calls, those that wait for a stream too.
  }

  #encode(): readonly [Uint8Array, Uint8Array?] {
    const { method } = this;
    const { timeoutMs, metadata, idempotencyKey, idempotent, urgency } = this.#options;
    if (this.#version === 1) return [encodeRequest({ method, timeoutMs, payload: this.#payload })];
    return encodeCall(
      { kind: 'unary', method, timeoutMs, metadata, idempotencyKey, idempotent, urgency },
      this.#payload,
      this.#owner.peerMessageBytesMax,
    );
  }

  #readTrailer(message: Uint8Array): unknown {
    const frame = decodeFrame(message);
    if (frame.type !== 'trailer') throw unexpectedFrame(`of type ${frame.type}`);
    if (frame.metadata !== NO_METADATA) this.#options.onTrailer?.(frame.metadata);
    if (frame.error !== undefined) throw frame.error;
    return frame.payload;
  }

  #onFailure(error: unknown): void {
    if (!(error instanceof RpcError)) {
      const text = `the answer to '${this.method}' cannot be read`;
      this.fail(new RpcError('malformed', text), STREAM_CODE.malformed);
      return;
    }
    if (error.code === 'too-early' && !this.isOver && this.#owner.beginAgain(this)) return;
    this.fail(error, STREAM_CODE.malformed);
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
    const text = `'${this.method}' was not answered within ${Math.round(this.#options.timeoutMs)} ms`;
    this.fail(new RpcError('deadline-exceeded', text), STREAM_CODE.deadlineExceeded);
  }

  #remaining(): CallOptions {
    const leftMs = this.#options.timeoutMs - (performance.now() - this.#startedAt);
    return { ...this.#options, timeoutMs: Math.max(leftMs, 1) };
  }

  readonly #onAbort = (): void => {
    const cause: unknown = this.#options.signal?.reason;
    this.fail(new RpcError('cancelled', `'${this.method}' was cancelled`, { cause }));
  };

  #end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    clearTimeout(this.#timer);
    if (this.#options.signal !== undefined) offAbort(this.#options.signal, this.#onAbort);
    this.#reader.release();
    this.#payload = undefined;
    this.#owner.onCallOver(this);
    return true;
  }
}
