import { ReadableStream } from 'node:stream/web';
import { copyOf } from './bytes.js';
import type { Exchange } from './exchange.js';
import { Http3Error } from './http3-error.js';
import { BODY_READ_AHEAD_BYTES } from './limits.js';

/** What a message can be made of. */
export type Body = Uint8Array | AsyncIterable<Uint8Array>;

/**
 * The body of the peer's message as a stream: what nobody reads stays with the peer. Errors with
 * `Http3Error`.
 */
export class IncomingBody {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #exchange: Exchange;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #isOver = false;
  #leftBytes: number | undefined;

  /** `contentBytes`: what the message announces (content-length). */
  constructor(exchange: Exchange, contentBytes: number | undefined) {
    this.#exchange = exchange;
    this.#leftBytes = contentBytes;
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => exchange.resume(),
        cancel: () => {
          this.#isOver = true;
          exchange.resume();
          exchange.stopReading();
        },
      },
      { highWaterMark: BODY_READ_AHEAD_BYTES, size: (bytes) => bytes?.length ?? 0 },
    );
  }

  /** Throws `Http3Error` with code `message-error` when more comes than announced. */
  push(bytes: Uint8Array): void {
    this.#count(bytes.length);
    if (this.#isOver) return;
    this.#controller.enqueue(copyOf(bytes));
    if ((this.#controller.desiredSize ?? 0) <= 0) this.#exchange.pause();
  }

  end(): void {
    if (this.#leftBytes !== undefined && this.#leftBytes > 0) this.#count(Infinity);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller.close();
  }

  fail(error: Http3Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller.error(error);
  }

  /** RFC 9114 4.1.2. */
  #count(bytes: number): void {
    if (this.#leftBytes === undefined) return;
    this.#leftBytes -= bytes;
    if (this.#leftBytes < 0) {
      throw new Http3Error('message-error', 'a body is not as long as its content-length');
    }
  }
}

/** Sends a body as fast as the peer takes it. */
export class OutgoingBody {
  readonly #exchange: Exchange;
  #wake: (() => void) | undefined;
  #isStopped = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  onDrained(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** The peer does not want it, or the exchange is over. */
  stop(): void {
    this.#isStopped = true;
    this.onDrained();
  }

  /** Resolves when all has been handed on, or nobody wants it. Rejects as the source does. */
  async send(body: Body): Promise<void> {
    if (body instanceof Uint8Array) {
      this.#exchange.sendBody(body, true);
      return;
    }
    for await (const bytes of body) {
      if (this.#isStopped) return;
      if (!this.#exchange.sendBody(bytes)) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
    if (!this.#isStopped) this.#exchange.sendBody(new Uint8Array(), true);
  }
}
