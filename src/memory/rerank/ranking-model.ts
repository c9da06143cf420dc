/** What is common to the models that score candidates again. */
import type { Adjacent } from '../gnn/adjacent.js';
import { dot, type Matrix } from '../neural/matrix.js';
import type { Parameter } from '../neural/parameter.js';

/** One question: a query, candidates, and what is around them. All vectors have length 1, or are zero. */
export interface RankingInput {
  readonly query: Float64Array;
  /** The candidates first, then other memories around them. */
  readonly nodes: Matrix;
  readonly candidateCount: number;
  readonly adjacent: Adjacent;
}

export interface RankingStep {
  /** One a candidate, on the scale of a cosine but not bounded by 1. */
  readonly scores: Float64Array;
  /** Adds to the gradients of the parameters. */
  backward(gradient: Float64Array): void;
}

/** Before training each gives the cosine: training can only begin where search is. */
export interface RankingModel {
  readonly parameters: readonly Parameter[];
  forward(input: RankingInput): RankingStep;
}

/** A copy of length 1; a vector without direction stays zero. */
export function unitOf(values: Float32Array): Float64Array {
  const made = new Float64Array(values);
  const length = Math.sqrt(dot(made, made));
  if (!(length > 0 && Number.isFinite(length))) return made.fill(0);
  for (let i = 0; i < made.length; i += 1) made[i]! /= length;
  return made;
}
