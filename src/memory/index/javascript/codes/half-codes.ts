/** Codes of 16 bits, as native/halves.h has them. */
import { SCALE_MIN } from '../../limits.js';
import { addFloatLanes } from '../inner-products.js';
import { largestOf, type Encoded, type NarrowCodes } from './narrow-codes.js';

const real = new Float32Array(1);
const word = new Uint32Array(real.buffer);
const lanes = new Float32Array(32);

function bitsOf(value: number): number {
  real[0] = value;
  return word[0]!;
}

function floatOf(bits: number): number {
  word[0] = bits;
  return real[0]!;
}

/** Rounds to the nearest, ties to even. The value is below 2^16 and finite. */
function halfOf(value: number): number {
  const bits = bitsOf(value);
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  if (size < 0x38800000) return sign | (bitsOf(floatOf(size) + 0.5) - 0x3f000000);
  return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
}

/** Every half as a float32; made when the first index wants it. */
let decoded: Float32Array | undefined;

function decodedHalves(): Float32Array {
  decoded ??= Float32Array.from({ length: 65_536 }, (_, half) => {
    const size = floatOf((half & 0x7fff) << 13) * 2 ** 112;
    return (half & 0x8000) === 0 ? size : -size;
  });
  return decoded;
}

export class HalfCodes implements NarrowCodes {
  readonly codeBytes: number;
  readonly #floats: number;
  readonly #dimensions: number;
  readonly #values = decodedHalves();
  readonly #query: Float32Array;

  constructor(dimensions: number, floats: number) {
    this.#dimensions = dimensions;
    this.#floats = floats;
    this.codeBytes = floats * 2;
    this.#query = new Float32Array(floats);
  }

  ask(original: Float32Array): number {
    this.#query.set(original);
    return 1;
  }

  encode(original: Float32Array, squares: number, codes: Uint8Array): Encoded {
    const largest = largestOf(original, this.#dimensions);
    const isFlat = largest < SCALE_MIN;
    const exponent = bitsOf(largest) >>> 23;
    const shrink = isFlat ? 0 : floatOf((254 - exponent) << 23);
    const scale = isFlat ? 0 : floatOf(exponent << 23);
    for (let i = 0; i < this.#floats; i += 1) {
      const half = halfOf(original[i]! * shrink);
      codes[2 * i] = half;
      codes[2 * i + 1] = half >> 8;
    }
    return { scale, squares };
  }

  /** Infinity and NaN no vector has. */
  areSound(codes: Uint8Array): boolean {
    for (let i = 1; i < codes.length; i += 2) {
      if ((codes[i]! & 0x7c) === 0x7c) return false;
    }
    return true;
  }

  dot(bytes: Uint8Array, at: number): number {
    const query = this.#query;
    const values = this.#values;
    lanes.fill(0);
    for (let i = 0; i < this.#floats; i += 16) {
      const row = i % 32;
      for (let j = 0; j < 16; j += 1) {
        const code = at + 2 * (i + j);
        const half = bytes[code]! | (bytes[code + 1]! << 8);
        lanes[row + j] = lanes[row + j]! + Math.fround(query[i + j]! * values[half]!);
      }
    }
    return addFloatLanes(lanes);
  }
}
