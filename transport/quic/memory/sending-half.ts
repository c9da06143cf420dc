import { strict as assert } from 'node:assert';
import { STREAM_QUEUE_BYTES_MAX } from '../limits.js';
import { QuicError } from '../quic-error.js';
import type { StreamData } from './frame.js';
import { CHUNK_BYTES } from './limits.js';

/** What a sending half asks of its connection. */
export interface Credit {
  /** Of the bytes wanted, how many the peer's window of the connection has room for. */
  takeCredit(bytesMax: number): number;
  /** Credit for bytes that were taken and not sent. */
  returnCredit(bytes: number): void;
  /** Bytes that all queues hold. */
  addQueued(bytes: number): void;
}

interface QueuedWrite {
  readonly bytes: Uint8Array;
  readonly isFinal: boolean;
  offset: number;
}

/**
 * The half of a stream that sends. What is written is taken as far as the windows of the peer
 * allow and waits for its turn; the rest waits in a queue that belongs to the writer.
 *
 *   open --write final--> ending --all sent--> done
 *     |                      |                  ^
 *     +---- reset, cut, stopped, closed --------+
 */
export class SendingHalf {
  isDone: boolean;
  queuedBytes = 0;

  readonly #id: number;
  readonly #credit: Credit;
  #queue: QueuedWrite[] = [];
  /** Copies of what was taken and not sent. */
  #taken: Uint8Array[] = [];
  #takenBytes = 0;
  #bytesMax: number;
  #isEnding = false;
  #isCut = false;
  #isFinalTaken = false;

  constructor(id: number, credit: Credit, bytesMax: number, isDone: boolean) {
    this.#id = id;
    this.#credit = credit;
    this.#bytesMax = bytesMax;
    this.isDone = isDone;
  }

  get hasQueue(): boolean {
    return this.#queue.length > 0;
  }

  /** True when the final bytes have been taken: only sending them is left. */
  get isFinalTaken(): boolean {
    return this.#isFinalTaken;
  }

  /** True when the next turn has something to send. */
  get hasTaken(): boolean {
    return !this.isDone && (this.#taken.length > 0 || this.#isFinalTaken);
  }

  write(bytes: Uint8Array, isFinal: boolean): boolean {
    if (this.isDone || this.#isCut) return true;
    assert(!this.#isEnding, 'nothing may be written to a stream after its final bytes');
    if (this.queuedBytes + bytes.length > STREAM_QUEUE_BYTES_MAX) {
      throw new QuicError(
        'limit',
        `stream ${this.#id} holds ${this.queuedBytes} bytes that the peer does not read; no more are taken`,
      );
    }
    this.#isEnding = isFinal;
    const offset = this.hasQueue ? 0 : this.#take(bytes, bytes.length);
    if (offset === bytes.length && !this.hasQueue) {
      this.#isFinalTaken = isFinal;
      return true;
    }
    this.#queue.push({ bytes, isFinal, offset });
    this.#addQueued(bytes.length - offset);
    return false;
  }

  /** Takes one piece from the queue; true when it took some and more is left. */
  refill(): boolean {
    const next = this.#queue[0];
    if (next === undefined) return false;
    const rest = next.offset === 0 ? next.bytes : next.bytes.subarray(next.offset);
    const taken = this.#take(rest, Math.min(rest.length, CHUNK_BYTES));
    next.offset += taken;
    this.#addQueued(-taken);
    if (taken === rest.length) {
      this.#queue.shift();
      this.#isFinalTaken = next.isFinal;
      return this.hasQueue;
    }
    return taken > 0;
  }

  /** The next piece to send; `isFinal` ends this half. Undefined when there is none. */
  nextPiece(): StreamData | undefined {
    if (!this.hasTaken) return undefined;
    const first = this.#taken.shift() ?? new Uint8Array();
    const bytes = first.subarray(0, CHUNK_BYTES);
    if (first.length > CHUNK_BYTES) this.#taken.unshift(first.subarray(CHUNK_BYTES));
    const isFinal = this.#isFinalTaken && this.#taken.length === 0;
    if (isFinal) this.isDone = true;
    return { kind: 'stream', id: this.#id, bytes, isFinal };
  }

  /** The peer's window of this stream has grown. */
  grow(bytesMax: number): void {
    this.#bytesMax = Math.max(this.#bytesMax, bytesMax);
  }

  /** Ends with what has been taken; the queue is dropped. */
  cut(): void {
    this.#dropQueue();
    this.#isCut = true;
    this.#isFinalTaken = true;
  }

  /** Ends with what has been sent. */
  abandon(): void {
    this.#dropQueue();
    this.#credit.returnCredit(this.#taken.reduce((sum, { length }) => sum + length, 0));
    this.#taken = [];
    this.isDone = true;
  }

  #take(bytes: Uint8Array, bytesMax: number): number {
    const room = Math.max(this.#bytesMax - this.#takenBytes, 0);
    const count = this.#credit.takeCredit(Math.min(bytesMax, room));
    if (count > 0) this.#taken.push(new Uint8Array(bytes.subarray(0, count)));
    this.#takenBytes += count;
    return count;
  }

  #addQueued(bytes: number): void {
    this.queuedBytes += bytes;
    this.#credit.addQueued(bytes);
  }

  #dropQueue(): void {
    this.#addQueued(-this.queuedBytes);
    this.#queue = [];
  }
}
