/** Adam (Kingma and Ba 2015, algorithm 1) with decoupled weight decay (Loshchilov and Hutter 2019). */
import type { Parameter } from './parameter.js';

export interface AdamOptions {
  /** Step size; 0.001 unless given. */
  readonly rate?: number;
  /** Part of a weight that each step takes off, times the step size; 0 unless given. */
  readonly decay?: number;
}

const MEAN_DECAY = 0.9;
const SQUARE_DECAY = 0.999;
const EPSILON = 1e-8;

export class Adam {
  readonly #parameters: readonly Parameter[];
  readonly #means: readonly Float64Array[];
  readonly #squares: readonly Float64Array[];
  readonly #rate: number;
  readonly #decay: number;
  #steps = 0;

  constructor(parameters: readonly Parameter[], { rate = 0.001, decay = 0 }: AdamOptions = {}) {
    this.#parameters = parameters;
    this.#means = parameters.map(({ values }) => new Float64Array(values.length));
    this.#squares = parameters.map(({ values }) => new Float64Array(values.length));
    this.#rate = rate;
    this.#decay = decay;
  }

  /** Moves all weights against their gradients and begins new sums. */
  step(): void {
    this.#steps += 1;
    const meanPart = 1 - MEAN_DECAY ** this.#steps;
    const squarePart = 1 - SQUARE_DECAY ** this.#steps;
    for (const [at, { values, gradient }] of this.#parameters.entries()) {
      const [means, squares] = [this.#means[at]!, this.#squares[at]!];
      for (let i = 0; i < values.length; i += 1) {
        const slope = gradient.values[i]!;
        means[i] = MEAN_DECAY * means[i]! + (1 - MEAN_DECAY) * slope;
        squares[i] = SQUARE_DECAY * squares[i]! + (1 - SQUARE_DECAY) * slope * slope;
        const size = Math.sqrt(squares[i]! / squarePart) + EPSILON;
        values[i]! *= 1 - this.#rate * this.#decay;
        values[i]! -= (this.#rate * (means[i]! / meanPart)) / size;
      }
      gradient.values.fill(0);
    }
  }
}
