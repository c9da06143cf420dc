import { MESSAGE_BYTES_MAX, RECEIVE_BYTES_MAX } from './limits.js';
import { RpcError } from './rpc.js';
import { LENGTH_BYTES } from './codec.js';

/** Bytes that all readers of one connection hold together. */
export interface ReceiveBudget {
  usedBytes: number;
}

const FIRST_CAPACITY_BYTES = 4_096;

/**
 * Puts together the one message of a stream. The length that the peer announces is only a bound:
 * room is made as bytes arrive, at most twice as much as have come.
 */
export class FrameReader {
  readonly #budget: ReceiveBudget;
  #buffer: Uint8Array | undefined;
  #filledBytes = 0;

  constructor(budget: ReceiveBudget) {
    this.#budget = budget;
  }

  /**
   * Takes the next bytes. With the last ones it returns the message, which is only valid until
   * control returns to the stream. Throws `RpcError` with code `malformed` or `overloaded`.
   */
  push(bytes: Uint8Array, isFinal: boolean): Uint8Array | undefined {
    if (this.#buffer === undefined && isFinal) return completeMessage(bytes);
    this.#append(bytes);
    const filled = this.#buffer?.subarray(0, this.#filledBytes) ?? bytes;
    checkLength(filled);
    if (!isFinal) return undefined;
    this.release();
    return completeMessage(filled);
  }

  /** Gives its bytes back to the budget. */
  release(): void {
    this.#budget.usedBytes -= this.#buffer?.length ?? 0;
    this.#buffer = undefined;
    this.#filledBytes = 0;
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#filledBytes + bytes.length;
    if (needed > MESSAGE_BYTES_MAX + LENGTH_BYTES) throw tooLong();
    const capacity = this.#buffer?.length ?? 0;
    if (needed > capacity) this.#grow(Math.max(needed, capacity * 2, FIRST_CAPACITY_BYTES));
    this.#buffer?.set(bytes, this.#filledBytes);
    this.#filledBytes = needed;
  }

  #grow(capacity: number): void {
    const moreBytes = capacity - (this.#buffer?.length ?? 0);
    if (this.#budget.usedBytes + moreBytes > RECEIVE_BYTES_MAX) {
      throw new RpcError(
        'overloaded',
        `unfinished messages of this connection hold more than ${RECEIVE_BYTES_MAX} bytes`,
      );
    }
    const buffer = new Uint8Array(capacity);
    if (this.#buffer !== undefined) buffer.set(this.#buffer.subarray(0, this.#filledBytes));
    this.#budget.usedBytes += moreBytes;
    this.#buffer = buffer;
  }
}

function announcedLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

function checkLength(bytes: Uint8Array): void {
  const length = announcedLength(bytes);
  if (length === undefined) return;
  if (length > MESSAGE_BYTES_MAX) throw tooLong();
  if (bytes.length > LENGTH_BYTES + length) {
    throw new RpcError('malformed', 'bytes after the end of the message');
  }
}

function completeMessage(bytes: Uint8Array): Uint8Array {
  checkLength(bytes);
  if (announcedLength(bytes) !== bytes.length - LENGTH_BYTES) {
    throw new RpcError('malformed', 'the stream ends in the middle of a message');
  }
  return bytes.subarray(LENGTH_BYTES);
}

function tooLong(): RpcError {
  return new RpcError('malformed', `the message is longer than ${MESSAGE_BYTES_MAX} bytes`);
}
