/** Codes of product quantization, as native/product.h has them. */
import { CENTROIDS, SCALE_MIN } from '../../limits.js';
import { largestOf, ROUNDING, type Encoded, type NarrowCodes } from './narrow-codes.js';

/** Distances or products of one subvector with all centroids. */
const row = new Float32Array(CENTROIDS);

export class ProductCodes implements NarrowCodes {
  readonly codeBytes: number;
  readonly #dimensions: number;
  readonly #subvectors: number;
  /** Component i of centroid k of its subvector at i * CENTROIDS + k. */
  readonly #centroids: Float32Array;
  readonly #products: Float32Array;
  readonly #tables: Int16Array;

  constructor(dimensions: number, subvectors: number, centroids: Float32Array) {
    this.#dimensions = dimensions;
    this.#subvectors = subvectors;
    this.#centroids = centroids;
    this.codeBytes = Math.ceil(subvectors / 4) * 4;
    this.#products = new Float32Array(subvectors * CENTROIDS);
    this.#tables = new Int16Array(subvectors * CENTROIDS);
  }

  ask(original: Float32Array): number {
    const products = this.#products;
    const tables = this.#tables;
    for (let s = 0; s < this.#subvectors; s += 1) {
      row.fill(0);
      for (let i = this.#start(s); i < this.#start(s + 1); i += 1) {
        const value = original[i]!;
        const from = i * CENTROIDS;
        for (let k = 0; k < CENTROIDS; k += 1) {
          row[k] = row[k]! + Math.fround(value * this.#centroids[from + k]!);
        }
      }
      products.set(row, s * CENTROIDS);
    }
    const largest = largestOf(products, products.length);
    const isFlat = largest < SCALE_MIN;
    const toUnits = isFlat ? 0 : Math.fround(32767 / largest);
    for (let i = 0; i < products.length; i += 1) {
      const moved = Math.fround(Math.fround(products[i]! * toUnits) + ROUNDING);
      tables[i] = Math.min(32767, Math.max(-32767, moved - ROUNDING));
    }
    return isFlat ? 0 : Math.fround(largest / 32767);
  }

  encode(original: Float32Array, _squares: number, codes: Uint8Array): Encoded {
    codes.fill(0);
    let squares = 0;
    for (let s = 0; s < this.#subvectors; s += 1) {
      const code = this.#nearest(original, s);
      codes[s] = code;
      for (let i = this.#start(s); i < this.#start(s + 1); i += 1) {
        const value = this.#centroids[i * CENTROIDS + code]!;
        squares += value * value;
      }
    }
    return { scale: 1, squares };
  }

  /** Any byte is a code. */
  areSound(): boolean {
    return true;
  }

  dot(bytes: Uint8Array, at: number): number {
    const tables = this.#tables;
    let sum = 0;
    for (let s = 0; s < this.#subvectors; s += 1) {
      sum = (sum + tables[s * CENTROIDS + bytes[at + s]!]!) | 0;
    }
    return Math.fround(sum);
  }

  #start(subvector: number): number {
    return Math.floor((subvector * this.#dimensions) / this.#subvectors);
  }

  #nearest(values: Float32Array, subvector: number): number {
    row.fill(0);
    for (let i = this.#start(subvector); i < this.#start(subvector + 1); i += 1) {
      const value = values[i]!;
      const from = i * CENTROIDS;
      for (let k = 0; k < CENTROIDS; k += 1) {
        const gap = Math.fround(value - this.#centroids[from + k]!);
        row[k] = row[k]! + Math.fround(gap * gap);
      }
    }
    let best = 0;
    for (let k = 1; k < CENTROIDS; k += 1) {
      if (row[k]! < row[best]!) best = k;
    }
    return best;
  }
}
