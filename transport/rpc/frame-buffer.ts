import { LENGTH_BYTES } from './codec.js';
import type { ReceiveBudget } from './frame-reader.js';
import { MESSAGE_BYTES_MAX, RECEIVE_BYTES_MAX } from './limits.js';
import { RpcError } from './rpc.js';

const FIRST_CAPACITY_BYTES = 4_096;

/**
 * Cuts the bytes of a stream into frames. Bytes are lent by `push`, taken frame by frame with `next`,
 * and what is left of them is copied by `keep` before control returns to the stream: a frame that
 * comes in one piece is never copied. A length that the peer announces is only a bound: room is made
 * as bytes arrive, at most twice as much as have come.
 */
export class FrameBuffer {
  readonly #budget: ReceiveBudget;
  /** Bytes that are only lent, or undefined when all are in `#own`. */
  #lent: Uint8Array | undefined;
  #own: Uint8Array | undefined;
  #start = 0;
  #end = 0;

  constructor(budget: ReceiveBudget) {
    this.#budget = budget;
  }

  /** Bytes that have not been taken. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** Takes the next bytes. Throws `RpcError` with code `overloaded` when there is no room. */
  push(bytes: Uint8Array): void {
    if (this.size === 0) {
      this.#lent = bytes;
      this.#start = 0;
      this.#end = bytes.length;
      return;
    }
    this.keep();
    this.#makeRoom(bytes.length);
    this.#own?.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** True when a whole frame waits. Throws as `next` does. */
  hasFrame(bytesMax: number = MESSAGE_BYTES_MAX): boolean {
    const length = this.#announced(bytesMax);
    return length !== undefined && this.size >= LENGTH_BYTES + length;
  }

  /**
   * The next frame without its length, valid until the next `push` or `keep`, or undefined when it
   * is not whole. Throws `RpcError` with code `malformed` when it is longer than `bytesMax`.
   */
  next(bytesMax: number = MESSAGE_BYTES_MAX): Uint8Array | undefined {
    const length = this.#announced(bytesMax);
    if (length === undefined || this.size < LENGTH_BYTES + length) return undefined;
    const from = this.#start + LENGTH_BYTES;
    this.#start = from + length;
    return this.#bytes.subarray(from, this.#start);
  }

  /**
   * Copies what is only lent, and gives back room that is no longer needed. Throws `RpcError` with
   * code `overloaded`.
   */
  keep(): void {
    const lent = this.#lent;
    if (lent === undefined) {
      if (this.size === 0) this.release();
      return;
    }
    const rest = lent.subarray(this.#start, this.#end);
    this.#lent = undefined;
    this.#start = 0;
    this.#end = 0;
    if (rest.length === 0) {
      this.#freeOwn();
      return;
    }
    this.#makeRoom(rest.length);
    this.#own?.set(rest, 0);
    this.#end = rest.length;
  }

  /** Drops everything and gives its bytes back to the budget. */
  release(): void {
    this.#lent = undefined;
    this.#start = 0;
    this.#end = 0;
    this.#freeOwn();
  }

  get #bytes(): Uint8Array {
    return this.#lent ?? this.#own ?? NOTHING;
  }

  #announced(bytesMax: number): number | undefined {
    if (this.size < LENGTH_BYTES) return undefined;
    const bytes = this.#bytes;
    const view = new DataView(bytes.buffer, bytes.byteOffset + this.#start, LENGTH_BYTES);
    const length = view.getUint32(0);
    if (length > bytesMax) {
      throw new RpcError('malformed', `the message is longer than ${bytesMax} bytes`, {
        reason: bytesMax < MESSAGE_BYTES_MAX ? 'head-too-long' : 'message-too-long',
      });
    }
    return length;
  }

  #makeRoom(moreBytes: number): void {
    const size = this.size;
    const needed = size + moreBytes;
    const capacity = this.#own?.length ?? 0;
    if (this.#own !== undefined && this.#end + moreBytes <= capacity) return;
    if (this.#own !== undefined && needed <= capacity && size <= capacity / 2) {
      this.#own.copyWithin(0, this.#start, this.#end);
    } else {
      this.#grow(Math.max(needed, size * 2, FIRST_CAPACITY_BYTES));
    }
    this.#start = 0;
    this.#end = size;
  }

  #grow(capacity: number): void {
    const moreBytes = capacity - (this.#own?.length ?? 0);
    if (this.#budget.usedBytes + moreBytes > RECEIVE_BYTES_MAX) {
      throw new RpcError(
        'overloaded',
        `unfinished messages of this connection hold more than ${RECEIVE_BYTES_MAX} bytes`,
        { reason: 'receive-bytes' },
      );
    }
    const own = new Uint8Array(capacity);
    if (this.#own !== undefined) own.set(this.#own.subarray(this.#start, this.#end));
    this.#budget.usedBytes += moreBytes;
    this.#own = own;
  }

  #freeOwn(): void {
    this.#budget.usedBytes -= this.#own?.length ?? 0;
    this.#own = undefined;
  }
}

const NOTHING = new Uint8Array();
