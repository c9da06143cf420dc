/** Linear attention (Katharopoulos et al. 2020): its cost grows with the length, not its square. */
import {
  addScaled,
  dot,
  type Matrix,
  rowOf,
  times,
  timesTransposed,
  transposedTimes,
  zeros,
} from '../neural/matrix.js';
import type { AttentionKernel } from './kernel.js';

/** phi(Q) (phi(K)^T V), each row divided by phi(q) sum phi(K) (equation 5), phi(x) = elu(x) + 1 (equation 7). */
export const linearAttention: AttentionKernel = (queries, keys, values) => {
  const [q, k] = [positive(queries), positive(keys)];
  // Sums over all keys, made once for all queries: d by the width of a value, and d.
  const state = transposedTimes(k, values);
  const keySum = new Float64Array(k.columns);
  for (let r = 0; r < k.rows; r += 1) addScaled(keySum, 1, rowOf(k, r));
  const output = times(q, state);
  const norms = Float64Array.from({ length: q.rows }, (_, r) => dot(rowOf(q, r), keySum));
  divideRows(output, norms);
  return {
    output,
    backward(gradient) {
      const inner = { ...gradient, values: gradient.values.slice() };
      divideRows(inner, norms);
      // With respect to the norm of each row: -(g . o) / norm.
      const normSlopes = norms.map((_, r) => -dot(rowOf(inner, r), rowOf(output, r)));
      const qSlopes = timesTransposed(inner, state);
      const keySumSlope = new Float64Array(k.columns);
      for (const [r, slope] of normSlopes.entries()) {
        addScaled(rowOf(qSlopes, r), slope, keySum);
        addScaled(keySumSlope, slope, rowOf(q, r));
      }
      const stateSlope = transposedTimes(q, inner);
      const kSlopes = timesTransposed(values, stateSlope);
      for (let r = 0; r < k.rows; r += 1) addScaled(rowOf(kSlopes, r), 1, keySumSlope);
      return {
        queries: throughPositive(queries, q, qSlopes),
        keys: throughPositive(keys, k, kSlopes),
        values: times(k, stateSlope),
      };
    },
  };
};

/** elu(x) + 1: x + 1 above 0, exp(x) below. */
function positive(input: Matrix): Matrix {
  return { ...input, values: input.values.map((x) => (x > 0 ? x + 1 : Math.exp(x))) };
}

/** The slope of exp(x) is exp(x) itself. */
function throughPositive(input: Matrix, mapped: Matrix, gradient: Matrix): Matrix {
  const made = zeros(input.rows, input.columns);
  for (let i = 0; i < made.values.length; i += 1) {
    made.values[i] = gradient.values[i]! * (input.values[i]! > 0 ? 1 : mapped.values[i]!);
  }
  return made;
}

function divideRows(matrix: Matrix, by: Float64Array): void {
  for (const [r, divisor] of by.entries()) {
    const row = rowOf(matrix, r);
    for (let i = 0; i < row.length; i += 1) row[i]! /= divisor;
  }
}
