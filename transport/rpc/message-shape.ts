import { MESSAGE_DEPTH_MAX, MESSAGE_VALUES_MAX } from './limits.js';

const PROTO_KEY = Buffer.from('__proto__');

/**
 * Walks over a MessagePack value from a peer before it is decoded, and says what is wrong with it.
 *
 * The decoder is fast because it trusts: it recurses, it makes an array of a length before its
 * members have been seen, and it knows extensions (records, references, regular expressions,
 * errors) that have no place in a message. What passes here is exactly one value that ends with the
 * bytes, made of nil, booleans, numbers, strings, binary, arrays and maps with string keys other
 * than `__proto__`, within the bounds of `limits.ts`. Returns undefined when all is well.
 */
export function findProblem(bytes: Uint8Array): string | undefined {
  return new ShapeWalk(bytes).run();
}

/** Sizes of the values of fixed length, by their first byte; 0 where the walk looks closer. */
const FIXED_SIZES = new Uint8Array(256).fill(0);
for (let token = 0; token < 0x80; token += 1) FIXED_SIZES[token] = 1;
for (let token = 0xe0; token < 0x100; token += 1) FIXED_SIZES[token] = 1;
for (const token of [0xc0, 0xc2, 0xc3]) FIXED_SIZES[token] = 1;
for (const [token, size] of [
  [0xca, 5],
  [0xcb, 9],
  [0xcc, 2],
  [0xcd, 3],
  [0xce, 5],
  [0xd0, 2],
  [0xd1, 3],
  [0xd2, 5],
] as const) {
  FIXED_SIZES[token] = size;
}

class ShapeWalk {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #valuesLeft = MESSAGE_VALUES_MAX;
  /** Values still to come in each open container, innermost last; maps count keys and values. */
  readonly #left: number[] = [];
  readonly #isMap: boolean[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): string | undefined {
    do {
      const problem = this.#value();
      if (problem !== undefined) return problem;
      this.#valuesLeft -= 1;
      if (this.#valuesLeft < 0) return `more than ${MESSAGE_VALUES_MAX} values`;
      while (this.#left.at(-1) === 0) {
        this.#left.pop();
        this.#isMap.pop();
      }
    } while (this.#left.length > 0);
    return this.#at === this.#bytes.length ? undefined : 'bytes after the end of the message';
  }

  #value(): string | undefined {
    const token = this.#bytes[this.#at];
    if (token === undefined) return 'the message ends in the middle of a value';
    const depth = this.#left.length;
    if (depth > 0) {
      const left = (this.#left[depth - 1] ?? 0) - 1;
      this.#left[depth - 1] = left;
      // An odd number of values left after this one means that this one is a key.
      if (this.#isMap[depth - 1] === true && left % 2 === 1) return this.#key(token);
    }
    const size = FIXED_SIZES[token] ?? 0;
    return size > 0 ? this.#skip(size) : this.#longValue(token);
  }

  #longValue(token: number): string | undefined {
    if (token >= 0xa0 && token < 0xc0) return this.#skip(1 + (token & 0x1f));
    if (token >= 0x90 && token < 0xa0) return this.#open(token & 0x0f, 1, false);
    if (token >= 0x80 && token < 0x90) return this.#open(token & 0x0f, 1, true);
    switch (token) {
      case 0xc4:
      case 0xd9:
        return this.#sized(1);
      case 0xc5:
      case 0xda:
        return this.#sized(2);
      case 0xc6:
      case 0xdb:
        return this.#sized(4);
      case 0xcf:
      case 0xd3:
        return this.#integer64(token === 0xd3);
      case 0xdc:
      case 0xde:
        return this.#container(2, token === 0xde);
      case 0xdd:
      case 0xdf:
        return this.#container(4, token === 0xdf);
      default:
        return `a value of type 0x${token.toString(16)}, which has no place in a message`;
    }
  }

  #key(token: number): string | undefined {
    const start = this.#at;
    let header = 1;
    if (token === 0xd9) header = 2;
    else if (token === 0xda) header = 3;
    else if (token === 0xdb) header = 5;
    else if (token < 0xa0 || token >= 0xc0) return 'a map with a key that is not a string';
    const problem = this.#longValue(token);
    if (problem !== undefined || this.#at - start - header !== PROTO_KEY.length) return problem;
    const isProto = PROTO_KEY.every((byte, index) => this.#bytes[start + header + index] === byte);
    return isProto ? "a map with the key '__proto__'" : undefined;
  }

  #length(lengthBytes: 1 | 2 | 4): number {
    if (this.#at + 1 + lengthBytes > this.#bytes.length) return Number.POSITIVE_INFINITY;
    if (lengthBytes === 1) return this.#view.getUint8(this.#at + 1);
    return lengthBytes === 2
      ? this.#view.getUint16(this.#at + 1)
      : this.#view.getUint32(this.#at + 1);
  }

  #sized(lengthBytes: 1 | 2 | 4): string | undefined {
    return this.#skip(1 + lengthBytes + this.#length(lengthBytes));
  }

  #container(lengthBytes: 2 | 4, isMap: boolean): string | undefined {
    return this.#open(this.#length(lengthBytes), 1 + lengthBytes, isMap);
  }

  #open(length: number, headerBytes: number, isMap: boolean): string | undefined {
    const values = isMap ? length * 2 : length;
    const problem = this.#skip(headerBytes);
    if (problem !== undefined) return problem;
    // Each value takes a byte at least, so that a length that lies is found before anything is made
    // for it.
    if (values > this.#bytes.length - this.#at) return 'the message ends in the middle of a value';
    if (this.#left.length >= MESSAGE_DEPTH_MAX) return `more than ${MESSAGE_DEPTH_MAX} levels`;
    this.#left.push(values);
    this.#isMap.push(isMap);
    return undefined;
  }

  #integer64(isSigned: boolean): string | undefined {
    if (this.#at + 9 > this.#bytes.length) return 'the message ends in the middle of a value';
    const high = isSigned ? this.#view.getInt32(this.#at + 1) : this.#view.getUint32(this.#at + 1);
    const isExact = Number.isSafeInteger(high * 2 ** 32 + this.#view.getUint32(this.#at + 5));
    return isExact ? this.#skip(9) : 'an integer beyond 2^53, which a number cannot hold';
  }

  #skip(size: number): string | undefined {
    if (this.#at + size > this.#bytes.length) return 'the message ends in the middle of a value';
    this.#at += size;
    return undefined;
  }
}
