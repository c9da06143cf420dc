import type { Stream, StreamHandler } from '../quic/index.js';
import { FRAME, encodeFrame, encodeFrameHead, isHttp2Type } from './frame.js';
import { FrameReader, type FrameEvent } from './frame-reader.js';
import { HTTP3_CODES, Http3Error } from './http3-error.js';
import { HEADERS_FRAME_BYTES_MAX } from './limits.js';
import type { Field } from './qpack/static-table.js';
import { concat } from './bytes.js';

/** What a user of an exchange is told. Errors of its methods end the exchange. */
export interface ExchangeHandler {
  /** A field section: the head of the message, or its trailers once the body has begun. */
  onFields(fields: readonly Field[]): void;
  /** Bytes of the body; only valid during the call. */
  onBody(bytes: Uint8Array): void;
  /** The message of the peer is whole. */
  onEnd(): void;
  /** What was written has been handed on: `sendBody` may go on. */
  onDrained(): void;
  /** The peer does not want what we send, with its code. */
  onStopped(code: number): void;
  /** The exchange failed; nothing else is called after this. */
  onAborted(error: Http3Error): void;
}

/** A stream that belongs to an extension of HTTP/3: a session of WebTransport. */
export interface ForeignStream {
  readonly stream: Stream;
  /** Stream id of the request that opened the session. */
  readonly sessionId: number;
}

/** What an exchange asks of its connection. */
export interface ExchangeOwner {
  encodeFields(streamId: number, fields: readonly Field[]): Uint8Array;
  /** Undefined: they come later, through `onUnblocked`. */
  decodeFields(streamId: number, section: Uint8Array): readonly Field[] | undefined;
  /** Sections of this stream will not be read. */
  cancelFields(streamId: number): void;
  /** Undefined when there are no such streams here. */
  readonly onForeignStream: ((stream: ForeignStream) => StreamHandler) | undefined;
  /** Whether the stream of the peer may carry a request. Throws `Http3Error`. */
  onFirstFrame(exchange: Exchange): void;
  /** Runs something; what it throws ends the stream or the connection. */
  guard(exchange: Exchange, run: () => void): void;
  onExchangeOver(exchange: Exchange): void;
}

/** What the peer may say next (RFC 9114 4.1). */
type Expecting = 'head' | 'body' | 'end' | 'nothing';

/**
 * One request and its response on one bidirectional stream (RFC 9114 4.1), for both sides.
 *
 *   head --HEADERS--> body --HEADERS (trailers)--> end --end of stream--> nothing
 *                      +--------- end of stream ---------------------------^
 *
 * A section that waits for the encoder stream pauses everything behind it.
 */
export class Exchange implements StreamHandler {
  readonly stream: Stream;
  readonly #owner: ExchangeOwner;
  readonly #reader: FrameReader;
  handler: ExchangeHandler | undefined;
  #foreign: StreamHandler | undefined;
  /** The peer stopped it before it was known what it carries. */
  #stoppedCode: number | undefined;
  #expecting: Expecting = 'head';
  #isInterim = false;
  #isBegun = false;
  #isBlocked = false;
  #isPaused = false;
  #isPumping = false;
  #isFinal = false;
  #isSent = false;
  #isOver = false;

  constructor(owner: ExchangeOwner, stream: Stream) {
    this.#owner = owner;
    this.stream = stream;
    this.#reader = new FrameReader((type) => this.#ruleFor(type));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get #isReading(): boolean {
    return !this.#isOver && this.#expecting !== 'nothing';
  }

  /** Sends a field section; `isFinal` ends our side. */
  sendFields(fields: readonly Field[], isFinal = false): void {
    if (this.#isOver) return;
    const section = this.#owner.encodeFields(this.stream.id, fields);
    this.stream.write(encodeFrame(FRAME.headers, section), isFinal);
    if (isFinal) this.#onSent();
  }

  /**
   * Sends a piece of the body. Returns false when it has to wait: go on after `onDrained`, and
   * leave `bytes` alone until then.
   */
  sendBody(bytes: Uint8Array, isFinal = false): boolean {
    if (this.#isOver) return true;
    const frame =
      bytes.length === 0 ? bytes : concat(encodeFrameHead(FRAME.data, bytes.length), bytes);
    const isTaken = this.stream.write(frame, isFinal);
    if (isFinal) this.#onSent();
    return isTaken;
  }

  pause(): void {
    this.#isPaused = true;
    this.stream.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#owner.guard(this, () => this.#pump());
  }

  /** The next section is the head again: that one was interim (1xx). */
  expectHeadAgain(): void {
    this.#isInterim = true;
  }

  /** Ends both sides with a code; the handler hears nothing more. */
  abort(code: number): void {
    if (this.#isOver) return;
    this.stream.reset(code);
    this.stream.stop(code);
    this.#finish();
  }

  /** The request was served without its body, which is not wanted any more (RFC 9114 4.1). */
  stopReading(): void {
    if (this.#isOver || this.#expecting === 'nothing') return;
    this.stream.stop(HTTP3_CODES['no-error']);
    this.#expecting = 'nothing';
    this.#cancelFields();
    this.#settle();
  }

  /** Ends both sides, and says why to the handler. */
  fail(error: Http3Error): void {
    if (this.#isOver) return;
    const { handler } = this;
    this.abort(error.wireCode);
    handler?.onAborted(error);
  }

  /** The section that had to wait. */
  onUnblocked(fields: readonly Field[]): void {
    if (this.#isOver || !this.#isBlocked) return;
    this.#isBlocked = false;
    this.#owner.guard(this, () => {
      this.#onFields(fields);
      this.#pump();
    });
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    if (this.#foreign !== undefined) {
      this.#foreign.onData(bytes, isFinal);
      return;
    }
    if (!this.#isReading) return;
    this.#isFinal = isFinal;
    this.#owner.guard(this, () => {
      this.#reader.push(bytes);
      this.#pump();
      this.#reader.keep();
    });
  }

  onReset(code: number): void {
    if (this.#foreign !== undefined) this.#foreign.onReset(code);
    else this.fail(new Http3Error('request-cancelled', `the peer reset the stream: ${code}`));
  }

  onStopped(code: number): void {
    if (this.#foreign !== undefined) this.#foreign.onStopped(code);
    else if (!this.#isOver) {
      this.#isSent = true;
      this.#stoppedCode = code;
      this.handler?.onStopped(code);
      this.#settle();
    }
  }

  onDrained(): void {
    if (this.#foreign !== undefined) this.#foreign.onDrained();
    else if (!this.#isOver) this.#owner.guard(this, () => this.handler?.onDrained());
  }

  onConnectionClosed(info: Parameters<StreamHandler['onConnectionClosed']>[0]): void {
    if (this.#foreign !== undefined) {
      this.#foreign.onConnectionClosed(info);
      return;
    }
    if (this.#isOver) return;
    const { handler } = this;
    this.#finish();
    handler?.onAborted(new Http3Error('request-cancelled', `the connection is over: ${info.kind}`));
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (!this.#isPaused && !this.#isBlocked && this.#isReading) {
        const event = this.#reader.next();
        if (event === undefined) break;
        this.#onEvent(event);
        if (this.#foreign !== undefined) return;
      }
      if (this.#isPaused || this.#isBlocked || !this.#isReading) return;
      if (this.#isFinal) this.#onFinal();
      else this.stream.resume();
    } finally {
      this.#isPumping = false;
    }
  }

  #ruleFor(type: number): number | 'pieces' | 'skip' | 'webtransport' {
    if (type === FRAME.webTransportStream && this.#owner.onForeignStream !== undefined) {
      return 'webtransport';
    }
    if (!this.#isBegun) {
      this.#isBegun = true;
      this.#owner.onFirstFrame(this);
    }
    switch (type) {
      case FRAME.data:
        if (this.#expecting !== 'body') throw unexpected('DATA before HEADERS or after trailers');
        return 'pieces';
      case FRAME.headers:
        if (this.#expecting === 'end') throw unexpected('HEADERS after trailers');
        return HEADERS_FRAME_BYTES_MAX;
      case FRAME.pushPromise:
        // We never allow a push (RFC 9114 7.2.5).
        throw this.stream.isLocal
          ? new Http3Error('id-error', 'a push that nobody allowed')
          : unexpected('PUSH_PROMISE from a client');
      case FRAME.settings:
      case FRAME.goAway:
      case FRAME.maxPushId:
      case FRAME.cancelPush:
        throw unexpected(`a frame of type ${type}, which belongs on the control stream,`);
      default:
        if (isHttp2Type(type)) throw unexpected(`a frame of type ${type}, which is of HTTP/2,`);
        return 'skip';
    }
  }

  #onEvent(event: FrameEvent): void {
    if (event.kind === 'webtransport') {
      const { onForeignStream } = this.#owner;
      if (onForeignStream === undefined) return;
      this.#foreign = onForeignStream({ stream: this.stream, sessionId: event.sessionId });
      this.#owner.onExchangeOver(this);
      this.stream.resume();
      if (event.rest.length > 0 || this.#isFinal) this.#foreign.onData(event.rest, this.#isFinal);
      if (this.#stoppedCode !== undefined) this.#foreign.onStopped(this.#stoppedCode);
      return;
    }
    if (event.kind === 'data') {
      this.handler?.onBody(event.bytes);
      return;
    }
    const fields = this.#owner.decodeFields(this.stream.id, event.payload);
    if (fields !== undefined) {
      this.#onFields(fields);
      return;
    }
    this.#isBlocked = true;
    this.stream.pause();
  }

  #onFields(fields: readonly Field[]): void {
    const isHead = this.#expecting === 'head';
    this.#expecting = isHead ? 'body' : 'end';
    this.#isInterim = false;
    this.handler?.onFields(fields);
    if (isHead && this.#isInterim) this.#expecting = 'head';
  }

  #onFinal(): void {
    // RFC 9114 7.1.
    if (!this.#reader.isBetweenFrames) {
      throw new Http3Error('frame-error', 'a stream ended inside a frame');
    }
    if (this.#expecting === 'head') {
      throw new Http3Error('request-incomplete', 'a stream ended before its message');
    }
    this.#expecting = 'nothing';
    this.handler?.onEnd();
    this.#settle();
  }

  #onSent(): void {
    this.#isSent = true;
    this.#settle();
  }

  #settle(): void {
    if (this.#isSent && this.#expecting === 'nothing') this.#finish();
  }

  #cancelFields(): void {
    if (this.#isFinal && !this.#isBlocked) return;
    this.#owner.cancelFields(this.stream.id);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#expecting !== 'nothing') this.#cancelFields();
    this.#owner.onExchangeOver(this);
  }
}

function unexpected(what: string): Http3Error {
  return new Http3Error('frame-unexpected', `${what} must not come here`);
}
