/** Which experts a row goes to, and with what weight (Shazeer et al. 2017, sections 2.1 and 4). */
import type { Matrix } from '../neural/matrix.js';
import { rowOf, zeros } from '../neural/matrix.js';

export interface Gates {
  /** A row of weights over the experts for each row: `active` of them above 0, their sum 1. */
  readonly weights: Matrix;
  /** Squared coefficient of variation of what each expert gets in all (equation 7, its factor 1). */
  readonly imbalance: number;
  /** From the slopes of the weights to those of the scores; the imbalance counts with `balance`. */
  backward(gradient: Matrix, balance: number): Matrix;
}

/**
 * Softmax over the best scores of each row (equations 3 and 5). The noise of equation 4 is left out: the
 * same rows must always go to the same experts. Of equal scores the first expert's counts as better.
 */
export function topGates(scores: Matrix, active: number): Gates {
  const weights = zeros(scores.rows, scores.columns);
  for (let r = 0; r < scores.rows; r += 1) {
    const [row, to] = [rowOf(scores, r), rowOf(weights, r)];
    const order = [...row.keys()].sort((a, b) => row[b]! - row[a]! || a - b).slice(0, active);
    const most = row[order[0]!]!;
    let sum = 0;
    for (const expert of order) sum += to[expert] = Math.exp(row[expert]! - most);
    for (const expert of order) to[expert]! /= sum;
  }
  const importance = columnSums(weights);
  const mean = scores.rows / scores.columns;
  const imbalance =
    importance.reduce((sum, share) => sum + (share - mean) ** 2, 0) / scores.columns / mean ** 2;
  return {
    weights,
    imbalance,
    backward(gradient, balance) {
      const made = zeros(scores.rows, scores.columns);
      const pull = importance.map((share) => {
        return (balance * 2 * (share - mean)) / scores.columns / mean ** 2;
      });
      for (let r = 0; r < scores.rows; r += 1) {
        const [parts, wanted, to] = [rowOf(weights, r), rowOf(gradient, r), rowOf(made, r)];
        let average = 0;
        for (let e = 0; e < parts.length; e += 1) average += parts[e]! * (wanted[e]! + pull[e]!);
        for (let e = 0; e < parts.length; e += 1) {
          to[e] = parts[e]! * (wanted[e]! + pull[e]! - average);
        }
      }
      return made;
    },
  };
}

function columnSums(matrix: Matrix): Float64Array {
  const sums = new Float64Array(matrix.columns);
  for (const [at, value] of matrix.values.entries()) sums[at % matrix.columns]! += value;
  return sums;
}
