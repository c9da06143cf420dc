import type { LinkStream, LinkStreamHandler } from './link.js';
import { CODE_MAX, READ_AHEAD_BYTES, WRITE_AHEAD_BYTES } from './limits.js';
import { SessionError } from './session-error.js';

/** Web streams on both sides of one stream of a link. */
export class WebStreams implements LinkStreamHandler {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  #stream: LinkStream | undefined;
  #reading!: ReadableStreamDefaultController<Uint8Array>;
  #writing!: WritableStreamDefaultController;
  #isReadOver = false;
  #isWriteOver = false;
  #onDrained: ((error?: SessionError) => void) | undefined;

  constructor() {
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#reading = controller;
        },
        pull: () => this.#stream?.resume(),
        cancel: (reason) => {
          this.#isReadOver = true;
          this.#stream?.stop(codeOf(reason));
        },
      },
      { highWaterMark: READ_AHEAD_BYTES, size: (bytes) => bytes?.length ?? 0 },
    );
    this.writable = new WritableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#writing = controller;
        },
        write: (chunk) => this.#write(chunk),
        close: () => {
          this.#isWriteOver = true;
          this.#stream?.write(new Uint8Array(), true);
        },
        abort: (reason) => {
          this.#isWriteOver = true;
          this.#stream?.reset(codeOf(reason));
        },
      },
      { highWaterMark: WRITE_AHEAD_BYTES, size: (bytes) => bytes?.byteLength ?? 0 },
    );
  }

  /** Before anything is read or written. */
  attach(stream: LinkStream): this {
    this.#stream = stream;
    return this;
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    if (this.#isReadOver) return;
    if (bytes.length > 0) this.#reading.enqueue(new Uint8Array(bytes));
    if (isFinal) {
      this.#isReadOver = true;
      this.#reading.close();
    } else if ((this.#reading.desiredSize ?? 0) <= 0) {
      this.#stream?.pause();
    }
  }

  onReset(code: number): void {
    this.#failReading(new SessionError('stream-reset', `the peer reset the stream: ${code}`, code));
  }

  onStopped(code: number): void {
    this.#failWriting(
      new SessionError('stream-stopped', `the peer stopped the stream: ${code}`, code),
    );
  }

  onDrained(): void {
    this.#onDrained?.();
  }

  onLost(error: SessionError): void {
    this.#failReading(error);
    this.#failWriting(error);
  }

  #write(chunk: Uint8Array): Promise<void> | undefined {
    const bytes = bytesOf(chunk);
    if (bytes.length === 0 || (this.#stream?.write(bytes, false) ?? true)) return undefined;
    return new Promise((resolve, reject) => {
      this.#onDrained = (error) => {
        this.#onDrained = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
    });
  }

  #failReading(error: SessionError): void {
    if (this.#isReadOver) return;
    this.#isReadOver = true;
    this.#reading.error(error);
  }

  #failWriting(error: SessionError): void {
    if (this.#isWriteOver) return;
    this.#isWriteOver = true;
    this.#writing.error(error);
    this.#onDrained?.(error);
  }
}

/** The bytes of what a user wrote. Throws `TypeError`, as browsers do. */
export function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  if (ArrayBuffer.isView(chunk)) {
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  throw new TypeError('only bytes (a typed array, a DataView or an ArrayBuffer) can be written');
}

/** The code that a reason carries, as in browsers: `streamErrorCode`. */
function codeOf(reason: unknown): number {
  const code = (reason as { streamErrorCode?: unknown } | null | undefined)?.streamErrorCode;
  const isCode = typeof code === 'number' && Number.isInteger(code) && code >= 0;
  return isCode && code <= CODE_MAX ? code : 0;
}
