import { CRYPTO_BYTES_MAX } from '../limits.js';
import { ByteCursor } from './byte-cursor.js';

/** Frames that an Initial packet may carry (RFC 9000 12.4), but for CONNECTION_CLOSE. */
const FRAME = { padding: 0x00, ping: 0x01, ack: 0x02, ackEcn: 0x03, crypto: 0x06 } as const;
/** Room that a ClientHello takes as a rule. */
const CRYPTO_BYTES_USUAL = 2_048;

/** One CRYPTO frame (RFC 9000 19.6). */
export interface CryptoFrame {
  readonly offset: number;
  readonly data: Uint8Array;
}

/**
 * The CRYPTO frames in the payload of a client's Initial packet, in their order. Undefined when a
 * frame is cut short or may not be there, and for CONNECTION_CLOSE: who gives up needs no answer.
 */
export function readCryptoFrames(payload: Uint8Array): CryptoFrame[] | undefined {
  const cursor = new ByteCursor(payload);
  const frames: CryptoFrame[] = [];
  while (cursor.left > 0) {
    const type = cursor.u8();
    if (type === FRAME.crypto) {
      const offset = cursor.varint();
      const data = cursor.take(cursor.varint());
      if (data.length > 0) frames.push({ offset, data });
    } else if (type === FRAME.ack || type === FRAME.ackEcn) {
      skipAck(cursor, type === FRAME.ackEcn);
    } else if (type !== FRAME.padding && type !== FRAME.ping) {
      return undefined;
    }
  }
  return cursor.isOverrun ? undefined : frames;
}

/** RFC 9000 19.3: largest, delay, number of ranges, first range, ranges, counts. */
function skipAck(cursor: ByteCursor, hasCounts: boolean): void {
  cursor.varint();
  cursor.varint();
  const ranges = cursor.varint();
  cursor.varint();
  for (let index = 0; index < ranges && !cursor.isOverrun; index += 1) {
    cursor.varint();
    cursor.varint();
  }
  if (!hasCounts) return;
  for (let index = 0; index < 3; index += 1) cursor.varint();
}

/**
 * Puts CRYPTO frames together, in any order and however they overlap, up to `CRYPTO_BYTES_MAX`.
 */
export class CryptoAssembly {
  #bytes = new Uint8Array(CRYPTO_BYTES_USUAL);
  /** One for each byte that is there. */
  #isThere = new Uint8Array(CRYPTO_BYTES_USUAL);
  #readyLength = 0;

  /** What is there without a gap from the start; valid until the next `add`. */
  get ready(): Uint8Array {
    return this.#bytes.subarray(0, this.#readyLength);
  }

  /**
   * Says whether the frame brought `new` bytes or `nothing`; `invalid` when it ends beyond the
   * limit, or says something else about a byte that is there already.
   */
  add({ offset, data }: CryptoFrame): 'new' | 'nothing' | 'invalid' {
    const end = offset + data.length;
    if (end > CRYPTO_BYTES_MAX) return 'invalid';
    this.#makeRoom(end);
    let isNew = false;
    for (let index = 0; index < data.length; index += 1) {
      const at = offset + index;
      const byte = data[index] ?? 0;
      if (this.#isThere[at] === 0) {
        isNew = true;
        this.#isThere[at] = 1;
        this.#bytes[at] = byte;
      } else if (this.#bytes[at] !== byte) return 'invalid';
    }
    const gap = this.#isThere.indexOf(0, this.#readyLength);
    this.#readyLength = gap < 0 ? this.#isThere.length : gap;
    return isNew ? 'new' : 'nothing';
  }

  #makeRoom(length: number): void {
    if (length <= this.#bytes.length) return;
    const room = Math.min(Math.max(length, 2 * this.#bytes.length), CRYPTO_BYTES_MAX);
    const bytes = new Uint8Array(room);
    const isThere = new Uint8Array(room);
    bytes.set(this.#bytes);
    isThere.set(this.#isThere);
    this.#bytes = bytes;
    this.#isThere = isThere;
  }
}
