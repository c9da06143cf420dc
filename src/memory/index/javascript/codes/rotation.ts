/** The rotation of native/rotation.h, step by step; the reasons are there. */
import { ROTATION_ROUNDS } from '../../limits.js';

const SQRT_OF_HALF = Math.fround(Math.SQRT1_2);

export class Rotation {
  readonly #dimensions: number;
  readonly #width: number;
  readonly #shrink: number;
  readonly #signs: Float32Array;

  constructor(dimensions: number) {
    this.#dimensions = dimensions;
    this.#width = 2 ** (31 - Math.clz32(dimensions));
    this.#shrink = Math.fround(1 / Math.sqrt(this.#width));
    this.#signs = Float32Array.from({ length: ROTATION_ROUNDS * dimensions }, (_, i) => signAt(i));
  }

  /** In place. */
  turn(values: Float32Array): void {
    const count = this.#dimensions;
    const width = this.#width;
    for (let round = 0; round < ROTATION_ROUNDS; round += 1) {
      for (let i = 0; i < count; i += 1) values[i]! *= this.#signs[round * count + i]!;
      const start = round % 2 === 0 ? 0 : count - width;
      transformHadamard(values, start, width);
      for (let i = start; i < start + width; i += 1) values[i]! *= this.#shrink;
      if (width !== count) walkKac(values, count);
    }
  }
}

function signAt(i: number): number {
  const state = Math.imul(i + 1, 0x9e3779b9);
  let h = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 31 === 0 ? 1 : -1;
}

function transformHadamard(values: Float32Array, start: number, width: number): void {
  for (let half = 1; half < width; half *= 2) {
    for (let i = start; i < start + width; i += 2 * half) {
      for (let j = i; j < i + half; j += 1) {
        const a = values[j]!;
        const b = values[j + half]!;
        values[j] = a + b;
        values[j + half] = a - b;
      }
    }
  }
}

function walkKac(values: Float32Array, count: number): void {
  const half = Math.floor(count / 2);
  const second = count - half;
  for (let i = 0; i < half; i += 1) {
    const a = values[i]!;
    const b = values[second + i]!;
    values[i] = Math.fround(a + b) * SQRT_OF_HALF;
    values[second + i] = Math.fround(a - b) * SQRT_OF_HALF;
  }
}
