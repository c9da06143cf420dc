import { strict as assert } from 'node:assert';
import type { ConnectionCloseInfo } from '../connection.js';
import { ERROR_CODE_MAX } from '../limits.js';
import type { Stream, StreamHandler } from '../stream.js';
import type { Frame, StreamData } from './frame.js';
import type { Ranked } from './in-turns.js';
import { ReceivingHalf, type Window } from './receiving-half.js';
import { SendingHalf, type Credit } from './sending-half.js';

/** What a stream asks of its connection. */
export interface StreamOwner extends Credit, Window {
  send(frame: Frame): void;
  /** The stream has something to send in the next turn. */
  markWritten(stream: MemoryStream): void;
  /** The stream has a queue that waits for the peer. */
  markBlocked(stream: MemoryStream): void;
  /** It no longer waits. */
  unmarkBlocked(stream: MemoryStream): void;
  /** The stream has something to hand over, though nothing came. */
  markReadable(stream: MemoryStream): void;
  /** Both halves are over: forget the stream. */
  onStreamDone(stream: MemoryStream): void;
}

/** Told to the peer when a handler threw: there is no better code. */
const HANDLER_THREW_CODE = 0;
/** RFC 9218 4.1. */
const URGENCY_MAX = 7;
const URGENCY_DEFAULT = 3;

/** Both halves of one stream. */
export class MemoryStream implements Stream, Ranked {
  readonly id: number;
  readonly isUnidirectional: boolean;
  readonly isLocal: boolean;
  readonly isEarly: boolean;
  urgency = URGENCY_DEFAULT;
  isIncremental = true;
  handler: StreamHandler | undefined;

  readonly #owner: StreamOwner;
  readonly #sending: SendingHalf;
  readonly #receiving: ReceivingHalf;

  constructor(
    owner: StreamOwner,
    options: {
      readonly id: number;
      readonly isLocal: boolean;
      readonly isEarly: boolean;
      /** What the peer takes before it says more, and what is taken of it. Bytes. */
      readonly sendBytesMax: number;
      readonly windowBytes: number;
    },
  ) {
    const { id, isLocal } = options;
    this.#owner = owner;
    this.id = id;
    this.isLocal = isLocal;
    this.isEarly = options.isEarly;
    this.isUnidirectional = (id & 2) !== 0;
    const isReadOnly = this.isUnidirectional && !isLocal;
    const isWriteOnly = this.isUnidirectional && isLocal;
    this.#sending = new SendingHalf(id, owner, options.sendBytesMax, isReadOnly);
    this.#receiving = new ReceivingHalf(id, owner, options.windowBytes, isWriteOnly);
  }

  get queuedBytes(): number {
    return this.#sending.queuedBytes;
  }

  get hasQueue(): boolean {
    return this.#sending.hasQueue;
  }

  get hasTaken(): boolean {
    return this.#sending.hasTaken;
  }

  write(bytes: Uint8Array, isFinal = false): boolean {
    const isTaken = this.#sending.write(bytes, isFinal);
    if (!isTaken) this.#owner.markBlocked(this);
    if (this.#sending.hasTaken) this.#owner.markWritten(this);
    return isTaken;
  }

  reset(code: number): void {
    assertCode(code);
    if (this.#sending.isDone || this.#sending.isFinalTaken) return;
    this.#giveUpSending(code);
  }

  cut(): void {
    if (this.#sending.isDone || this.#sending.isFinalTaken) return;
    this.#sending.cut();
    this.#owner.unmarkBlocked(this);
    this.#owner.markWritten(this);
  }

  stop(code: number): void {
    assertCode(code);
    const receiving = this.#receiving;
    if (receiving.isDone || receiving.isDiscarding) return;
    if (!this.isLocal) {
      receiving.isDiscarding = true;
      this.#owner.markReadable(this);
      return;
    }
    receiving.abandon();
    this.#owner.send({ kind: 'stop', id: this.id, code });
    this.#settle();
  }

  setPriority(urgency: number, isIncremental: boolean): void {
    assert(
      Number.isSafeInteger(urgency) && urgency >= 0 && urgency <= URGENCY_MAX,
      `the urgency of a stream must be an integer from 0 to ${URGENCY_MAX}`,
    );
    this.urgency = urgency;
    this.isIncremental = isIncremental;
  }

  pause(): void {
    this.#receiving.isPaused = true;
  }

  resume(): void {
    if (!this.#receiving.isPaused) return;
    this.#receiving.isPaused = false;
    this.#owner.markReadable(this);
  }

  /** Hands over what has come. */
  deliver(): void {
    this.#receiving.deliver((bytes, isFinal) => {
      this.#call(() => this.handler?.onData(bytes, isFinal));
    });
    this.#settle();
  }

  onData(piece: StreamData): void {
    this.#receiving.add(piece);
    this.deliver();
  }

  /** RESET_STREAM has come (RFC 9000 19.4). */
  onReset(code: number): void {
    const receiving = this.#receiving;
    if (receiving.isDone) return;
    receiving.abandon();
    if (!receiving.isDiscarding) this.#call(() => this.handler?.onReset(code));
    this.#settle();
  }

  /** STOP_SENDING has come; it is answered with a reset (RFC 9000 3.5). */
  onStopped(code: number): void {
    if (this.#sending.isDone) return;
    this.#giveUpSending(code);
    this.#call(() => this.handler?.onStopped(code));
  }

  grow(bytesMax: number): void {
    this.#sending.grow(bytesMax);
  }

  /** Takes one piece of the queue; true when it took some and more is left. */
  refill(): boolean {
    return this.#sending.refill();
  }

  onDrained(): void {
    this.#call(() => this.handler?.onDrained());
  }

  /** Sends one piece; true when more is left. */
  sendPiece(): boolean {
    const piece = this.#sending.nextPiece();
    if (piece !== undefined) this.#owner.send(piece);
    this.#settle();
    return this.#sending.hasTaken;
  }

  /** The connection is over. */
  abandon(info: ConnectionCloseInfo): void {
    this.#sending.abandon();
    this.#receiving.abandon();
    this.#call(() => this.handler?.onConnectionClosed(info));
  }

  #giveUpSending(code: number): void {
    this.#sending.abandon();
    this.#owner.unmarkBlocked(this);
    this.#owner.send({ kind: 'reset', id: this.id, code });
    this.#settle();
  }

  #settle(): void {
    if (this.#sending.isDone && this.#receiving.isDone) this.#owner.onStreamDone(this);
  }

  #call(notify: () => void): void {
    try {
      notify();
    } catch {
      // A handler that throws loses its stream, not the connection.
      this.reset(HANDLER_THREW_CODE);
      this.stop(HANDLER_THREW_CODE);
    }
  }
}

function assertCode(code: number): void {
  assert(
    Number.isSafeInteger(code) && code >= 0 && code <= ERROR_CODE_MAX,
    'a stream code must be an integer from 0 to 2^53 - 1',
  );
}
