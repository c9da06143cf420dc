/**
 * Reads fields one after another from bytes of a peer. It never throws: a read beyond the end gives
 * zero or nothing and sets `isOverrun`, which the caller checks before it believes what it read.
 */
export class ByteCursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;
  isOverrun = false;

  /** Reads `bytes` from `at` up to, not including, `end`. */
  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  u8(): number {
    return this.#unsigned(1);
  }

  u16(): number {
    return this.#unsigned(2);
  }

  u24(): number {
    return this.#unsigned(3);
  }

  u32(): number {
    return this.#unsigned(4);
  }

  /** Variable-length integer (RFC 9000 16). Above 2^53 it is only about right: too large anyway. */
  varint(): number {
    const first = this.bytes[this.at];
    if (first === undefined || this.left === 0) return this.#overrun();
    const length = 1 << (first >> 6);
    if (this.left < length) return this.#overrun();
    let value = first & 0x3f;
    for (let index = 1; index < length; index += 1) {
      value = value * 256 + (this.bytes[this.at + index] ?? 0);
    }
    this.at += length;
    return value;
  }

  /** The next `length` bytes: a view, not a copy. */
  take(length: number): Uint8Array {
    if (length > this.left) {
      this.#overrun();
      return this.bytes.subarray(this.end, this.end);
    }
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  skip(length: number): void {
    if (length > this.left) this.#overrun();
    else this.at += length;
  }

  /** A cursor over the next `length` bytes, which this one skips. */
  part(length: number): ByteCursor {
    const start = this.at;
    this.skip(length);
    return new ByteCursor(this.bytes, start, this.isOverrun ? start : this.at);
  }

  #unsigned(length: number): number {
    if (this.left < length) return this.#overrun();
    let value = 0;
    for (let index = 0; index < length; index += 1) {
      value = value * 256 + (this.bytes[this.at + index] ?? 0);
    }
    this.at += length;
    return value;
  }

  #overrun(): number {
    this.isOverrun = true;
    this.at = this.end;
    return 0;
  }
}
