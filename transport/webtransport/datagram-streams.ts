import { DATAGRAMS_WAITING_MAX } from './limits.js';
import type { Link } from './link.js';
import type { Datagrams } from './session.js';
import type { SessionError } from './session-error.js';
import { bytesOf } from './web-streams.js';

/** The datagrams of a session as web streams. */
export class DatagramStreams implements Datagrams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #link: () => Link | undefined;
  readonly #waiting: Uint8Array[] = [];
  #reading!: ReadableStreamDefaultController<Uint8Array>;
  #writing!: WritableStreamDefaultController;
  #isWanted = false;
  #isOver = false;

  /** `link`: undefined until there is one. */
  constructor(link: () => Link | undefined) {
    this.#link = link;
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#reading = controller;
        },
        pull: () => {
          this.#isWanted = true;
          this.#hand();
        },
        cancel: () => {
          this.#isOver = true;
        },
      },
      // Those that wait stand in a queue of our own, from which the oldest can be dropped.
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writing = controller;
      },
      write: (chunk) => {
        this.#link()?.sendDatagram(bytesOf(chunk));
      },
    });
  }

  get maxDatagramSize(): number {
    return this.#link()?.datagramBytesMax ?? 0;
  }

  /** One came; `bytes` is only valid during the call. */
  push(bytes: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#waiting.length >= DATAGRAMS_WAITING_MAX) this.#waiting.shift();
    this.#waiting.push(new Uint8Array(bytes));
    this.#hand();
  }

  /** No error: the session was closed. */
  end(error: SessionError | undefined, reason: SessionError): void {
    if (!this.#isOver) {
      this.#isOver = true;
      if (error === undefined) this.#reading.close();
      else this.#reading.error(error);
    }
    this.#writing.error(reason);
  }

  #hand(): void {
    if (!this.#isWanted || this.#isOver) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#isWanted = false;
    this.#reading.enqueue(next);
  }
}
