import type { Stream } from '../quic/stream.js';
import { offAbort, onAbort } from './abort-listeners.js';
import { STREAM_CODE } from './codes.js';
import { FrameBuffer } from './frame-buffer.js';
import { CANCEL_MS_MAX } from './limits.js';
import { MessageQueue, type MessageQueueOwner, type Reading } from './message-queue.js';
import { Outflow, type OutflowSink } from './outflow.js';
import { NO_METADATA } from './metadata.js';
import type { Outgoing, OutgoingOwner } from './outgoing.js';
import { RpcError, type CallKind, type CallOptions, type MessageSource } from './rpc.js';
import {
  encodeCall,
  encodeEnd,
  encodeHead,
  encodeMessage,
  unexpectedFrame,
  type Frame,
} from './wire2.js';

export interface StreamRequest {
  readonly method: string;
  readonly kind: Exclude<CallKind, 'unary'>;
  /** Of a server stream. */
  readonly payload?: unknown;
  /** Of the others. */
  readonly messages?: MessageSource;
  readonly options: CallOptions;
}

const NOTHING = new Uint8Array();

/**
 * A streaming call that this side makes.
 *
 *   waiting --begin--> streaming --trailer read--> over
 *      |                   |                        ^
 *      +-------------------+-- deadline, signal, connection lost, nobody reads on
 *
 * Two directions run in it, independent of one another: an `Outflow` takes messages out of the source of
 * the caller and sends them, a `MessageQueue` hands the answers to whoever iterates.
 */
export class OutgoingStream implements Outgoing, MessageQueueOwner, OutflowSink {
  readonly method: string;
  readonly answers: MessageQueue;
  readonly isIdempotent = false;
  /** The message in the trailer, once the answers have ended. */
  answer: unknown;

  readonly #owner: OutgoingOwner;
  readonly #request: StreamRequest;
  readonly #timer: NodeJS.Timeout;
  #frames: readonly [Uint8Array, Uint8Array?];
  #outflow: Outflow | undefined;
  #stream: Stream | undefined;
  #isOver = false;
  #hasPeerEnded = false;
  #cancelTimer: NodeJS.Timeout | undefined;

  /** Throws `RpcError` with code `malformed` when the request cannot be sent. */
  constructor(owner: OutgoingOwner, request: StreamRequest) {
    const { method, kind, payload, messages, options } = request;
    this.#owner = owner;
    this.#request = request;
    this.method = method;
    const { timeoutMs, metadata, idempotencyKey, idempotent, urgency } = options;
    const head = { kind, method, timeoutMs, metadata, idempotencyKey, idempotent, urgency };
    this.#frames =
      kind === 'server-stream'
        ? encodeCall(head, payload, owner.peerMessageBytesMax)
        : [encodeHead(head)];
    if (messages !== undefined) this.#outflow = new Outflow(messages, this);
    this.answers = new MessageQueue(this, new FrameBuffer(owner.receiveBudget));
    this.#timer = setTimeout(() => this.#onDeadline(), timeoutMs);
    if (options.signal !== undefined) onAbort(options.signal, this.#onAbort);
  }

  get waitingBytes(): number {
    return this.#frames[0].length + (this.#frames[1]?.length ?? 0);
  }

  begin(stream: Stream): void {
    this.#stream = stream;
    this.answers.attach(stream);
    const { urgency } = this.#request.options;
    if (urgency !== undefined) stream.setPriority(urgency, true);
    const [first, second] = this.#frames;
    stream.write(first);
    if (second !== undefined) stream.write(second);
    this.#outflow?.start();
  }

  fail(error: RpcError, streamCode: number = STREAM_CODE.cancelled): void {
    if (this.#isOver) return;
    this.#end(streamCode);
    this.answers.fail(error);
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    if (isFinal) {
      this.#hasPeerEnded = true;
      clearTimeout(this.#cancelTimer);
    }
    if (this.#isOver) return;
    this.answers.receive(bytes);
    if (!isFinal || this.#isOver) return;
    const text = `the peer ended the answer to '${this.method}' before it was complete`;
    this.answers.close(new RpcError('unavailable', text));
  }

  onReset(): void {
    this.#hasPeerEnded = true;
    clearTimeout(this.#cancelTimer);
    this.fail(new RpcError('unavailable', `the peer gave up answering '${this.method}'`));
  }

  onStopped(): void {
    // The peer wants no more messages; its trailer says why.
    this.#outflow?.stop();
  }

  onDrained(): void {
    this.#owner.onSendRoom();
    this.#outflow?.resume();
  }

  onConnectionClosed(): void {
    clearTimeout(this.#cancelTimer);
  }

  read(frame: Frame): Reading {
    if (frame.type === 'message' && this.#request.kind !== 'client-stream') {
      return { value: frame.payload };
    }
    if (frame.type !== 'trailer') throw unexpectedFrame(`of type ${frame.type}`);
    if (frame.metadata !== NO_METADATA) this.#request.options.onTrailer?.(frame.metadata);
    if (frame.error !== undefined) throw frame.error;
    this.answer = frame.payload;
    return 'end';
  }

  onAbandoned(): void {
    this.#end(STREAM_CODE.cancelled);
  }

  onEnd(error: unknown): void {
    if (this.#isOver) return;
    // What the trailer says ends the call like any other answer; all else is a peer to be told off.
    const isPeersWord = error === undefined || this.#hasPeerEnded;
    this.#end(isPeersWord ? STREAM_CODE.answered : STREAM_CODE.malformed);
  }

  send(payload: unknown): boolean {
    const stream = this.#stream;
    if (stream === undefined) return false;
    const isRoom = stream.write(encodeMessage(payload, this.#owner.peerMessageBytesMax));
    if (!isRoom) return false;
    if (!this.#owner.isSendFull) return true;
    this.#owner.awaitSendRoom(() => this.#outflow?.resume());
    return false;
  }

  onSourceEnd(): void {
    this.#stream?.write(encodeEnd());
  }

  /** The caller's own messages failed: the call fails with what they failed with. */
  onSourceError(error: unknown): void {
    if (error instanceof RpcError) this.fail(error);
    else {
      const text = `the messages for '${this.method}' failed`;
      this.fail(new RpcError('cancelled', text, { cause: error }));
    }
  }

  #onDeadline(): void {
    const timeoutMs = Math.round(this.#request.options.timeoutMs);
    const text = `'${this.method}' was not complete within ${timeoutMs} ms`;
    this.fail(new RpcError('deadline-exceeded', text), STREAM_CODE.deadlineExceeded);
  }

  readonly #onAbort = (): void => {
    const cause: unknown = this.#request.options.signal?.reason;
    this.fail(new RpcError('cancelled', `'${this.method}' was cancelled`, { cause }));
  };

  #end(streamCode: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    const { signal } = this.#request.options;
    if (signal !== undefined) offAbort(signal, this.#onAbort);
    this.#outflow?.stop();
    this.#endStream(streamCode);
    this.#owner.onCallOver(this);
  }

  /** See the top of wire2.ts: this side ends, and the peer ends its own direction thereupon. */
  #endStream(streamCode: number): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    if (stream.queuedBytes > 0) stream.cut();
    else stream.write(NOTHING, true);
    if (this.#hasPeerEnded || streamCode === STREAM_CODE.answered) return;
    // A handler that does not read its messages hears of the end by STOP_SENDING alone; of a client
    // stream no answer is on its way that it could lose.
    if (this.#request.kind === 'client-stream') stream.stop(streamCode);
    else this.#cancelTimer = setTimeout(() => stream.stop(streamCode), CANCEL_MS_MAX).unref();
  }
}

/** What a streaming call fails with on a connection of version 1. */
export function noStreams(method: string): RpcError {
  return new RpcError(
    'unavailable',
    `'${method}' is a streaming call, and the connection speaks version 1, which has none`,
    { reason: 'version' },
  );
}
