import { Http3Error, type Http3ErrorCode } from '../http3-error.js';
import { concat } from '../bytes.js';
import { decodeHuffman, encodeHuffman, huffmanBytes } from './huffman.js';

/** Bytes of an integer after its prefix: enough for 2^35, above every bound there is. */
const CONTINUATION_BYTES_MAX = 5;

/**
 * Reads the integers and strings of QPACK (RFC 9204 4.1) from bytes that may end too early: then a
 * method returns undefined, and the reader is of no more use.
 */
export class PrimitiveReader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #code: Http3ErrorCode;
  readonly #stringBytesMax: number;

  /** Throws `Http3Error` with `code` for what cannot be right, however it goes on. */
  constructor(bytes: Uint8Array, code: Http3ErrorCode, stringBytesMax: number) {
    this.#bytes = bytes;
    this.#code = code;
    this.#stringBytesMax = stringBytesMax;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#bytes.length;
  }

  /** The next byte, which stays. */
  peek(): number | undefined {
    return this.#bytes[this.at];
  }

  /** An integer whose first `prefixBits` bits are in the next byte (RFC 7541 5.1). */
  integer(prefixBits: number): number | undefined {
    const first = this.#bytes[this.at];
    if (first === undefined) return undefined;
    this.at += 1;
    const prefixMax = 2 ** prefixBits - 1;
    let value = first & prefixMax;
    if (value < prefixMax) return value;
    for (let index = 0; index < CONTINUATION_BYTES_MAX; index += 1) {
      const byte = this.#bytes[this.at];
      if (byte === undefined) return undefined;
      this.at += 1;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    throw this.error(`an integer has more than ${CONTINUATION_BYTES_MAX} bytes`);
  }

  /** A string whose length has `prefixBits` bits in the next byte, after the bit for Huffman. */
  string(prefixBits: number): string | undefined {
    const first = this.#bytes[this.at];
    if (first === undefined) return undefined;
    const isHuffman = (first & (1 << prefixBits)) !== 0;
    const length = this.integer(prefixBits);
    if (length === undefined) return undefined;
    if (length > this.#stringBytesMax) {
      throw this.error(`a string of ${length} bytes; at most ${this.#stringBytesMax} are taken`);
    }
    if (this.at + length > this.#bytes.length) return undefined;
    const bytes = this.#bytes.subarray(this.at, this.at + length);
    this.at += length;
    if (!isHuffman) return Buffer.from(bytes).toString('latin1');
    const text = decodeHuffman(bytes);
    if (text === undefined) throw this.error('a string is no Huffman code');
    return text;
  }

  error(message: string): Http3Error {
    return new Http3Error(this.#code, message);
  }
}

/** An integer with `flags` above its prefix (RFC 7541 5.1). */
export function encodeInteger(flags: number, prefixBits: number, value: number): Uint8Array {
  const prefixMax = 2 ** prefixBits - 1;
  if (value < prefixMax) return Uint8Array.of(flags | value);
  const bytes = [flags | prefixMax];
  let rest = value - prefixMax;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** A string (latin1) with `flags` above the bit for Huffman; Huffman code where it is shorter. */
export function encodeString(flags: number, prefixBits: number, text: string): Uint8Array {
  const length = huffmanBytes(text);
  if (length >= text.length) {
    return concat(encodeInteger(flags, prefixBits, text.length), Buffer.from(text, 'latin1'));
  }
  return concat(encodeInteger(flags | (1 << prefixBits), prefixBits, length), encodeHuffman(text));
}
