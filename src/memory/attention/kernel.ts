/** What all kinds of attention have in common. */
import type { Matrix } from '../neural/matrix.js';

export interface AttentionGradients {
  readonly queries: Matrix;
  readonly keys: Matrix;
  readonly values: Matrix;
}

export interface AttentionStep {
  /** A row for each query, as wide as the values. */
  readonly output: Matrix;
  backward(gradient: Matrix): AttentionGradients;
}

/** Each query takes a mean of the values, by how well it goes with their keys. One head, no weights. */
export type AttentionKernel = (queries: Matrix, keys: Matrix, values: Matrix) => AttentionStep;
