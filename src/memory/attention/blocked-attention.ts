/**
 * Scaled dot-product attention block by block (Dao et al. 2022): the softmax is brought up to date with
 * each block of keys, so that nothing of the size of queries times keys is ever held.
 */
import { assert } from '../errors.js';
import { addScaled, dot, type Matrix, rowOf, zeros } from '../neural/matrix.js';
import type { AttentionKernel, AttentionStep } from './kernel.js';

/** What `scaledDotProduct` gives, to rounding, with `blockKeys` scores held at a time. */
export function blockedAttention(blockKeys: number): AttentionKernel {
  assert(Number.isSafeInteger(blockKeys) && blockKeys >= 1, 'a block has at least one key');
  return (queries, keys, values) => attend(queries, keys, values, blockKeys);
}

function attend(queries: Matrix, keys: Matrix, values: Matrix, blockKeys: number): AttentionStep {
  const scale = 1 / Math.sqrt(queries.columns);
  const output = zeros(queries.rows, values.columns);
  /** For each query ln of the sum of exp of its scores: all that the way back needs. */
  const logSums = new Float64Array(queries.rows);
  const block = new Float64Array(blockKeys);
  for (let r = 0; r < queries.rows; r += 1) {
    const [query, to] = [rowOf(queries, r), rowOf(output, r)];
    let [most, sum] = [-Infinity, 0];
    // Algorithm 1, lines 9 to 12, for one query.
    for (let start = 0; start < keys.rows; start += blockKeys) {
      const count = Math.min(blockKeys, keys.rows - start);
      let blockMost = most;
      for (let i = 0; i < count; i += 1) {
        block[i] = scale * dot(query, rowOf(keys, start + i));
        if (block[i]! > blockMost) blockMost = block[i]!;
      }
      const shrink = Math.exp(most - blockMost);
      sum *= shrink;
      for (let i = 0; i < to.length; i += 1) to[i]! *= shrink;
      for (let i = 0; i < count; i += 1) {
        const part = Math.exp(block[i]! - blockMost);
        sum += part;
        addScaled(to, part, rowOf(values, start + i));
      }
      most = blockMost;
    }
    for (let i = 0; i < to.length; i += 1) to[i]! /= sum;
    logSums[r] = most + Math.log(sum);
  }
  return { output, backward: (gradient) => backward(gradient) };

  /** Algorithm 4: the parts are computed again from the sums instead of being kept. */
  function backward(gradient: Matrix): ReturnType<AttentionStep['backward']> {
    const slopes = {
      queries: zeros(queries.rows, queries.columns),
      keys: zeros(keys.rows, keys.columns),
      values: zeros(values.rows, values.columns),
    };
    for (let r = 0; r < queries.rows; r += 1) {
      const [query, wanted] = [rowOf(queries, r), rowOf(gradient, r)];
      const mean = dot(wanted, rowOf(output, r));
      for (let j = 0; j < keys.rows; j += 1) {
        const part = Math.exp(scale * dot(query, rowOf(keys, j)) - logSums[r]!);
        addScaled(rowOf(slopes.values, j), part, wanted);
        const slope = scale * part * (dot(wanted, rowOf(values, j)) - mean);
        addScaled(rowOf(slopes.queries, r), slope, rowOf(keys, j));
        addScaled(rowOf(slopes.keys, j), slope, query);
      }
    }
    return slopes;
  }
}
