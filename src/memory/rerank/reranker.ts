/** A trained model: what it is for, and its scores. */
import { createHash } from 'node:crypto';
import { MemoryError } from '../errors.js';
import type { Parameter } from '../neural/parameter.js';
import { createModel, isGnn, type ModelShape, weightCount } from './architecture.js';
import type { RankingInput } from './ranking-model.js';

/** Made by `trainReranker` and `openReranker`; never changes. */
export class Reranker {
  readonly shape: ModelShape;
  /** The embedding model whose vectors it was trained on; it takes no others. */
  readonly model: string;
  /** Equal for equal shapes, models and weights: SHA-256 in hexadecimal. */
  readonly id: string;
  readonly #score: (input: RankingInput) => Float64Array;
  readonly #parameters: readonly Parameter[];

  /** `weights` as `weights()` gives them. Throws `invalid` for another count, or what is no number. */
  constructor(shape: ModelShape, model: string, weights: Float32Array) {
    const ranking = createModel(shape, 0);
    const count = weightCount(shape);
    if (weights.length !== count) {
      const sentence = `${shape.architecture} of this shape has ${count} weights, not ${weights.length}`;
      throw new MemoryError('invalid', sentence);
    }
    if (!weights.every(Number.isFinite)) {
      throw new MemoryError('invalid', 'a weight of the reranker is no finite number');
    }
    let start = 0;
    for (const { values } of ranking.parameters) {
      values.set(weights.subarray(start, (start += values.length)));
    }
    this.shape = shape;
    this.model = model;
    this.#parameters = ranking.parameters;
    this.#score = (input) => ranking.forward(input).scores;
    this.id = createHash('sha256')
      .update(JSON.stringify([Object.entries(shape).sort(), model]))
      .update(new Uint8Array(this.weights().buffer))
      .digest('hex');
  }

  get isGnn(): boolean {
    return isGnn(this.shape.architecture);
  }

  /** All weights, one behind the other. */
  weights(): Float32Array<ArrayBuffer> {
    return weightsOf(this.#parameters);
  }

  /** One score a candidate; see `RankingModel`. */
  scores(input: RankingInput): Float64Array {
    return this.#score(input);
  }
}

/** As float32, one behind the other. */
export function weightsOf(parameters: readonly Parameter[]): Float32Array<ArrayBuffer> {
  const made = new Float32Array(parameters.reduce((sum, { values }) => sum + values.length, 0));
  let start = 0;
  for (const { values } of parameters) {
    made.set(values, start);
    start += values.length;
  }
  return made;
}
