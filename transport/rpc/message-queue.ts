import type { Stream } from '../quic/stream.js';
import type { FrameBuffer } from './frame-buffer.js';
import { UNREAD_BYTES_HIGH, UNREAD_BYTES_LOW } from './limits.js';
import { decodeFrame, type Frame } from './wire2.js';

/** What a frame is for a reader of messages. It may also throw: the messages end with that error. */
export type Reading = { readonly value: unknown } | 'end';

/** What a queue tells its call. */
export interface MessageQueueOwner {
  read(frame: Frame): Reading;
  /** The reader wants no more. */
  onAbandoned(): void;
  /** The messages have ended: all were read, or with an error. */
  onEnd(error: unknown): void;
}

interface Waiter {
  resolve(result: IteratorResult<unknown>): void;
  reject(error: unknown): void;
}

/**
 * The messages of one direction of a stream, for whoever iterates over them. Bytes are decoded when
 * their message is asked for; when whole messages of 256 KB wait, the stream is paused, so that its
 * flow control holds the peer back.
 */
export class MessageQueue implements AsyncIterableIterator<unknown> {
  readonly #owner: MessageQueueOwner;
  readonly #buffer: FrameBuffer;
  #stream: Stream | undefined;
  #isPaused = false;
  #isEnded = false;
  /** Why nothing follows what is here, unless it ends properly. */
  #lastError: Error | undefined;
  /** Told to the reader once what is here has been read. */
  #error: unknown;
  #waiters: Waiter[] = [];

  constructor(owner: MessageQueueOwner, buffer: FrameBuffer) {
    this.#owner = owner;
    this.#buffer = buffer;
  }

  attach(stream: Stream): void {
    this.#stream = stream;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    const result = this.#waiters.length === 0 ? this.#take() : undefined;
    if (result !== undefined) {
      this.#settleBuffer();
      return result;
    }
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<unknown>> {
    if (!this.#isEnded) {
      this.#owner.onAbandoned();
      this.#end(undefined);
    }
    this.#error = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Bytes of the stream; when they are too many the messages end with that error. */
  receive(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    try {
      this.#buffer.push(bytes);
    } catch (error) {
      this.#end(error);
      return;
    }
    this.#serve();
    if (!this.#isEnded) this.#settleBuffer();
  }

  /** Hands what is here to those who wait. */
  #serve(): void {
    while (this.#waiters.length > 0) {
      const result = this.#take();
      if (result === undefined) break;
      const waiter = this.#waiters.shift();
      result.then(
        (value) => waiter?.resolve(value),
        (error: unknown) => waiter?.reject(error),
      );
    }
  }

  /** Nothing more comes: what is here can be read, then this error unless the end is among it. */
  close(error: Error): void {
    this.#lastError ??= error;
    this.#serve();
  }

  /** The messages end with this error, and what was not read is dropped. */
  fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#end(error);
  }

  #take(): Promise<IteratorResult<unknown>> | undefined {
    if (this.#error !== undefined) {
      const error = this.#error;
      this.#error = undefined;
      return rejected(error);
    }
    if (this.#isEnded) return undefined;
    let reading: Reading;
    try {
      const bytes = this.#buffer.next();
      if (bytes === undefined) {
        if (this.#lastError === undefined) return undefined;
        throw this.#lastError;
      }
      reading = this.#owner.read(decodeFrame(bytes));
    } catch (error) {
      this.#end(error);
      return this.#take();
    }
    if (reading !== 'end') return Promise.resolve({ done: false, value: reading.value });
    this.#end(undefined);
    return Promise.resolve({ done: true, value: undefined });
  }

  #end(error: unknown): void {
    this.#isEnded = true;
    this.#error = error;
    this.#buffer.release();
    // What still comes is of no use, but it must be read for the window of the connection.
    this.#resume();
    const waiters = this.#waiters;
    this.#waiters = [];
    if (error !== undefined && waiters.length > 0) this.#error = undefined;
    waiters.forEach((waiter, index) => {
      if (index === 0 && error !== undefined) waiter.reject(error);
      else waiter.resolve({ done: true, value: undefined });
    });
    this.#owner.onEnd(error);
  }

  /** Keeps what was lent, and holds the peer back or lets it go on. */
  #settleBuffer(): void {
    const { size } = this.#buffer;
    if (this.#isEnded) return;
    try {
      if (this.#isPaused) {
        if (size <= UNREAD_BYTES_LOW || !this.#buffer.hasFrame()) this.#resume();
      } else if (size >= UNREAD_BYTES_HIGH && this.#buffer.hasFrame()) {
        this.#isPaused = true;
        this.#stream?.pause();
      }
      this.#buffer.keep();
    } catch (error) {
      this.#end(error);
    }
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#stream?.resume();
  }
}

function rejected(error: unknown): Promise<never> {
  return Promise.reject(error instanceof Error ? error : new Error(String(error)));
}
