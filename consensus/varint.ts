/** Unsigned integers of 0 to 2^53-1 in groups of seven bits, the lowest first (LEB128). */
const BYTES_MAX = 8;
/** A UTF-16 code unit is at most so many bytes of UTF-8. */
const BYTES_PER_CHARACTER_MAX = 3;
const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

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

  /** The length in bytes, and the text in UTF-8. */
  text(value: string): void {
    const bytes = textEncoder.encode(value);
    this.varint(bytes.length);
    this.raw(bytes);
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

  text(charactersMax: number): string {
    const length = this.varint();
    if (length > charactersMax * BYTES_PER_CHARACTER_MAX) throw this.bad('a text is too long');
    const bytes = this.raw(length);
    let text: string;
    try {
      text = textDecoder.decode(bytes);
    } catch {
      throw this.bad('a text is no UTF-8');
    }
    if (text.length > charactersMax) throw this.bad('a text is too long');
    return text;
  }

  end(): void {
    if (this.left !== 0) throw this.bad(`${this.left} bytes are left over`);
  }
}
