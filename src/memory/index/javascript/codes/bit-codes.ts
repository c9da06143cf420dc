/** Codes of 4, 2 or 1 bit of a rotated vector, as native/codes.h and native/packed.h have them. */
import { SCALE_MIN } from '../../limits.js';
import { addLanes } from '../inner-products.js';
import { codeLanes } from './int8-codes.js';
import { largestOf, type Encoded, type NarrowCodes } from './narrow-codes.js';
import { Rotation } from './rotation.js';

/** Reaches of the grid that are tried. */
const REACHES = 24;
const products = new Float64Array(16);

interface Fit {
  readonly product: number;
  readonly squares: number;
}

export class BitCodes implements NarrowCodes {
  readonly codeBytes: number;
  readonly #bits: number;
  readonly #dimensions: number;
  readonly #floats: number;
  readonly #lanes: number;
  readonly #rotation: Rotation;
  readonly #rotated: Float32Array;
  readonly #query: Int8Array;
  #querySum = 0;

  constructor(bits: number, dimensions: number, floats: number, lanes: number) {
    this.#bits = bits;
    this.#dimensions = dimensions;
    this.#floats = floats;
    this.#lanes = lanes;
    this.codeBytes = (lanes / 8) * bits;
    this.#rotation = new Rotation(dimensions);
    this.#rotated = new Float32Array(floats);
    this.#query = new Int8Array(lanes);
  }

  ask(original: Float32Array): number {
    this.#rotate(original);
    const { scale, sum } = codeLanes(this.#rotated, this.#dimensions, this.#query, this.#lanes);
    this.#querySum = sum;
    return scale;
  }

  encode(original: Float32Array, squares: number, codes: Uint8Array): Encoded {
    this.#rotate(original);
    codes.fill(0);
    const largest = largestOf(this.#rotated, this.#dimensions);
    if (largest < SCALE_MIN) return { scale: 0, squares };
    const half = 1 << (this.#bits - 1);
    const first = Math.fround(half / largest);
    let reach = first;
    let best = this.#fit(first);
    for (let i = 1; i < REACHES && this.#bits > 1; i += 1) {
      const other = Math.fround(first * Math.fround(1 + i * 0.125));
      const fit = this.#fit(other);
      if (fit.product * fit.product * best.squares > best.product * best.product * fit.squares) {
        best = fit;
        reach = other;
      }
    }
    for (let i = 0; i < this.#dimensions; i += 1) {
      const value = this.#rotated[i]!;
      const place = placeOf(value, reach, half - 1);
      this.#set(codes, i, value < 0 ? half - 1 - place : half + place);
    }
    return { scale: Math.fround(squares / best.product), squares };
  }

  /** Any byte is a code. */
  areSound(): boolean {
    return true;
  }

  dot(bytes: Uint8Array, at: number): number {
    const bits = this.#bits;
    const query = this.#query;
    const stripe = 8 * bits;
    const mask = (1 << bits) - 1;
    let sum = 0;
    let code = at;
    for (let start = 0; start < this.#lanes; start += 64) {
      for (let j = start; j < start + stripe; j += 1) {
        const byte = bytes[code++]!;
        for (let shift = 0, lane = j; shift < 8; shift += bits, lane += stripe) {
          sum = (sum + Math.imul((byte >> shift) & mask, query[lane]!)) | 0;
        }
      }
    }
    return Math.fround(2 * sum - mask * this.#querySum);
  }

  #rotate(original: Float32Array): void {
    this.#rotated.set(original);
    this.#rotation.turn(this.#rotated);
  }

  /** How well a grid of this reach fits. */
  #fit(reach: number): Fit {
    const most = (1 << (this.#bits - 1)) - 1;
    const rotated = this.#rotated;
    products.fill(0);
    let squares = this.#dimensions - this.#floats;
    for (let i = 0; i < this.#floats; i += 16) {
      for (let j = 0; j < 16; j += 1) {
        const value = rotated[i + j]!;
        const point = 2 * placeOf(value, reach, most) + 1;
        products[j] = products[j]! + Math.abs(value) * point;
        squares += point * point;
      }
    }
    return { product: addLanes(products), squares };
  }

  #set(codes: Uint8Array, component: number, code: number): void {
    const stripe = 8 * this.#bits;
    const within = component % 64;
    const at = Math.floor(component / 64) * stripe + (within % stripe);
    codes[at]! |= code << (Math.floor(within / stripe) * this.#bits);
  }
}

function placeOf(value: number, reach: number, most: number): number {
  return Math.min(most, Math.trunc(Math.fround(Math.abs(value) * reach)));
}
