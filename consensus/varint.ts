/** Unsigned integers of 0 to 2^53-1 in groups of seven bits, the lowest first (LEB128). */
const BYTES_MAX = 8;

/** Bytes that grow as they are written. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  varint(value: number): void {
    this.#reserve(BYTES_MAX);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#length] = (rest % 0x80) | 0x80;
      this.#length += 1;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length] = rest;
    this.#length += 1;
  }

  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** What was written, in memory of its own. */
  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

/** Reads what `ByteWriter` wrote; throws what `bad` makes of a sentence for everything else. */
export class ByteReader {
  #at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly bad: (what: string) => Error,
  ) {}

  /** Bytes read so far. */
  get at(): number {
    return this.#at;
  }

  /** A view of the bytes read since then. */
  since(start: number): Uint8Array {
    return this.bytes.subarray(start, this.#at);
  }

  get left(): number {
    return this.bytes.length - this.#at;
  }

  u8(): number {
    const value = this.bytes[this.#at];
    if (value === undefined) throw this.bad('they end too early');
    this.#at += 1;
    return value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 1; count <= BYTES_MAX; count += 1) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        // Each number has one form.
        if (byte === 0 && count > 1) throw this.bad('an integer is longer than it must be');
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 0x80;
    }
    throw this.bad('an integer is greater than 2^53-1');
  }

  /** A view into the bytes, not a copy. */
  raw(count: number): Uint8Array {
    if (count > this.left) throw this.bad('they end too early');
    this.#at += count;
    return this.bytes.subarray(this.#at - count, this.#at);
  }

  end(): void {
    if (this.left !== 0) throw this.bad(`${this.left} bytes are left over`);
  }
}
