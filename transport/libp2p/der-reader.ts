import { Libp2pTransportError } from './libp2p-transport-error.js';

/** Tags of ASN.1 (X.690) that occur in a certificate. */
export const DER_TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** `[0]`, `[1]`, ... */
  explicit: (number: number) => 0xa0 | number,
} as const;

/** One value: its content, and the whole with tag and length. Both are views, not copies. */
export interface DerValue {
  readonly content: Uint8Array;
  readonly bytes: Uint8Array;
}

/** A length of more bytes than these would be more than any certificate that is read here. */
const LENGTH_BYTES_MAX = 2;

/**
 * Reads values one after another from bytes of a peer, in the distinguished encoding alone: definite
 * lengths in the shortest form, nothing beyond the end. Never recursive: the caller knows what it
 * expects. All methods throw `Libp2pTransportError` with code `bad-certificate`.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #offset = 0;

  /** `what` names the bytes in errors. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** The next value, which must have this tag. */
  read(tag: number): DerValue {
    const found = this.#bytes[this.#offset];
    if (found !== tag) {
      const what = found === undefined ? 'the end' : `the tag 0x${found.toString(16)}`;
      throw this.#error(`has ${what} where 0x${tag.toString(16)} was expected`);
    }
    const start = this.#offset;
    const contentStart = start + 1 + this.#lengthBytes(start + 1);
    const end = contentStart + this.#length(start + 1);
    if (end > this.#bytes.length) throw this.#error('is shorter than a length in it says');
    this.#offset = end;
    return {
      content: this.#bytes.subarray(contentStart, end),
      bytes: this.#bytes.subarray(start, end),
    };
  }

  /** True when a value with this tag follows. */
  nextIs(tag: number): boolean {
    return this.#bytes[this.#offset] === tag;
  }

  /** The members of the next value, which must have this tag and holds other values. */
  enter(tag: number, what: string): DerReader {
    return new DerReader(this.read(tag).content, what);
  }

  /** BIT STRING of whole bytes. */
  readBitString(): Uint8Array {
    const { content } = this.read(DER_TAG.bitString);
    if (content[0] !== 0) throw this.#error('has a bit string that is not of whole bytes');
    return content.subarray(1);
  }

  readBoolean(): boolean {
    const { content } = this.read(DER_TAG.boolean);
    const [value] = content;
    if (content.length !== 1 || (value !== 0 && value !== 0xff)) {
      throw this.#error('has a boolean that is neither 0 nor 255');
    }
    return value === 0xff;
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.isAtEnd) throw this.#error('has more bytes than it should');
  }

  #lengthBytes(offset: number): number {
    const first = this.#bytes[offset] ?? 0;
    return first < 0x80 ? 1 : 1 + (first & 0x7f);
  }

  #length(offset: number): number {
    const count = this.#lengthBytes(offset) - 1;
    const first = this.#bytes[offset];
    if (first === undefined) throw this.#error('ends inside a length');
    if (count === 0) {
      if (first === 0x80) throw this.#error('has a value without a length');
      return first;
    }
    if (count > LENGTH_BYTES_MAX) throw this.#error('has a value that is too long');
    let length = 0;
    for (let index = 1; index <= count; index += 1) {
      const next = this.#bytes[offset + index];
      if (next === undefined) throw this.#error('ends inside a length');
      length = length * 256 + next;
    }
    if (length < (count === 1 ? 0x80 : 0x100)) {
      throw this.#error('has a length that is not in its shortest form');
    }
    return length;
  }

  #error(what: string): Libp2pTransportError {
    return new Libp2pTransportError('bad-certificate', `${this.#what} ${what}`);
  }
}
