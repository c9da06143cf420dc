/** Weights that are trained, and the linear map that most of them are for. */
import {
  addScaled,
  addTransposedTimes,
  type Matrix,
  rowOf,
  type Step,
  times,
  timesTransposed,
  zeros,
} from './matrix.js';
import type { SeededRandom } from '../seeded-random.js';

/** A matrix of weights and the sum of its gradients since the last step of the optimizer. */
export class Parameter implements Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
  readonly gradient: Matrix;

  constructor(rows: number, columns: number) {
    this.rows = rows;
    this.columns = columns;
    this.values = new Float64Array(rows * columns);
    this.gradient = zeros(rows, columns);
  }

  /** Uniform within sqrt(6 / (rows + columns)) of 0 (Glorot and Bengio 2010, equation 16). */
  static uniform(rows: number, columns: number, random: SeededRandom): Parameter {
    const made = new Parameter(rows, columns);
    const bound = Math.sqrt(6 / (rows + columns));
    for (let i = 0; i < made.values.length; i += 1) {
      made.values[i] = (2 * random.fraction() - 1) * bound;
    }
    return made;
  }
}

/** x W^T + b, with a row of W for each output, as PyTorch's `nn.Linear` keeps it. */
export function linear(input: Matrix, weights: Parameter, bias?: Parameter): Step {
  const output = timesTransposed(input, weights);
  if (bias !== undefined) {
    for (let r = 0; r < output.rows; r += 1) addScaled(rowOf(output, r), 1, bias.values);
  }
  return {
    output,
    backward(gradient) {
      addTransposedTimes(weights.gradient, gradient, input);
      if (bias !== undefined) addRows(bias.gradient.values, gradient);
      return times(gradient, weights);
    },
  };
}

function addRows(to: Float64Array, from: Matrix): void {
  for (let r = 0; r < from.rows; r += 1) addScaled(to, 1, rowOf(from, r));
}

/** max(0, x), in place; returns the gradient's way back. */
export function relu(input: Matrix): Step {
  const output = { ...input, values: input.values.map((value) => Math.max(0, value)) };
  return {
    output,
    backward: (gradient) => ({
      ...gradient,
      values: gradient.values.map((value, at) => (output.values[at]! > 0 ? value : 0)),
    }),
  };
}
