/** Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1, equation 1). */
import {
  type Matrix,
  softmaxBackward,
  softmaxRows,
  times,
  timesTransposed,
  transposedTimes,
} from '../neural/matrix.js';
import type { AttentionKernel } from './kernel.js';

/** softmax(Q K^T / sqrt(d)) V; takes memory for each pair of query and key. */
export const scaledDotProduct: AttentionKernel = (queries, keys, values) => {
  const scale = 1 / Math.sqrt(queries.columns);
  const parts = timesTransposed(queries, keys);
  multiply(parts, scale);
  softmaxRows(parts);
  return {
    output: times(parts, values),
    backward(gradient) {
      const scores = softmaxBackward(parts, timesTransposed(gradient, values));
      multiply(scores, scale);
      return {
        queries: times(scores, keys),
        keys: transposedTimes(scores, queries),
        values: transposedTimes(parts, gradient),
      };
    },
  };
};

function multiply({ values }: Matrix, factor: number): void {
  for (let i = 0; i < values.length; i += 1) values[i]! *= factor;
}
