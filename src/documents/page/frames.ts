/** Frames off a stream of bytes, which come in any pieces. Pages load this file too: nothing of Node. */
import { DocumentError } from '../error.js';

const LENGTH_BYTES = 4;
/** A buffer that is longer is given back when a frame was read. */
const KEPT_BYTES_MAX = 64 * 1024;

export interface FrameBounds {
  /** Of one frame without its length. */
  readonly frameBytesMax: number;
  /** Told how many bytes of an unfinished frame are held; may throw. */
  readonly onHeld?: (bytes: number) => void;
}

/**
 * Reads one frame after the other; ends with the stream. Throws `DocumentError` `malformed-frame` for
 * a frame that is empty, too long, or cut off, and what the stream and `onHeld` throw.
 */
export class FrameReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #bounds: FrameBounds;
  /** What came and is in no frame yet; one buffer, since pieces may have a byte each. */
  #buffer = new Uint8Array();
  #heldBytes = 0;

  constructor(readable: ReadableStream<Uint8Array>, bounds: FrameBounds) {
    this.#reader = readable.getReader();
    this.#bounds = bounds;
  }

  /** The next frame, in memory of its own; undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    const head = await this.#take(LENGTH_BYTES);
    if (head === undefined) return undefined;
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
    const bytesMax = this.#bounds.frameBytesMax;
    if (length === 0 || length > bytesMax) {
      throw malformed(`a frame has ${length} bytes, and 1 to ${bytesMax} are possible`);
    }
    const frame = await this.#take(length);
    if (frame === undefined) throw malformed('the stream ends inside of a frame');
    return frame;
  }

  /** Wants no more: the peer is told, and a `next` that waits ends. */
  async cancel(): Promise<void> {
    this.#buffer = new Uint8Array();
    this.#hold(0);
    // A stream that has failed has told it already.
    await this.#reader.cancel().catch(() => undefined);
  }

  async #take(count: number): Promise<Uint8Array | undefined> {
    while (this.#heldBytes < count) {
      const { value, done } = await this.#reader.read();
      if (done) {
        if (this.#heldBytes > 0) throw malformed('the stream ends inside of a frame');
        return undefined;
      }
      this.#add(value);
    }
    const taken = this.#buffer.slice(0, count);
    const left = this.#heldBytes - count;
    // What is behind a long frame does not keep its memory.
    if (this.#buffer.length > KEPT_BYTES_MAX)
      this.#buffer = this.#buffer.slice(count, count + left);
    else this.#buffer.copyWithin(0, count, this.#heldBytes);
    this.#hold(left);
    return taken;
  }

  #add(piece: Uint8Array): void {
    const needed = this.#heldBytes + piece.length;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, this.#heldBytes));
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.#heldBytes);
    this.#hold(needed);
  }

  #hold(bytes: number): void {
    this.#heldBytes = bytes;
    this.#bounds.onHeld?.(bytes);
  }
}

function malformed(what: string): DocumentError {
  return new DocumentError('malformed-frame', `bytes are no frames of a page: ${what}`);
}
