/** Attention over the query and its candidates: both read each other before they are compared. */
import { MultiHeadAttention } from '../attention/multi-head.js';
import { MixtureOfExperts } from '../attention/mixture-of-experts.js';
import { addScaled, addTo, dot, type Matrix, rowOf, type Step, zeros } from '../neural/matrix.js';
import type { Parameter } from '../neural/parameter.js';
import type { RankingInput, RankingModel, RankingStep } from './ranking-model.js';

interface Layer {
  readonly parameters: readonly Parameter[];
  forward(rows: Matrix): Step;
}

/**
 * Scores are cosines of y = x + Layer(x) between the query and each candidate (Vaswani et al. 2017,
 * section 3.1, without the feed-forward part). The layer gives zero before training.
 */
export class AttentionModel implements RankingModel {
  readonly #layer: Layer;

  constructor(layer: MultiHeadAttention | MixtureOfExperts) {
    this.#layer = layer;
  }

  get parameters(): readonly Parameter[] {
    return this.#layer.parameters;
  }

  forward({ query, nodes, candidateCount }: RankingInput): RankingStep {
    const given = zeros(candidateCount + 1, query.length);
    // Components of a unit vector have a variance of 1/d; layers are made for one of 1.
    const scale = Math.sqrt(query.length);
    addScaled(rowOf(given, 0), scale, query);
    for (let at = 0; at < candidateCount; at += 1) {
      addScaled(rowOf(given, at + 1), scale, rowOf(nodes, at));
    }
    const step = this.#layer.forward(given);
    // The layer keeps what it was given for its way back.
    const rows = { ...given, values: given.values.slice() };
    addTo(rows, step.output);
    const lengths = Float64Array.from({ length: rows.rows }, (_, r) => {
      return Math.sqrt(dot(rowOf(rows, r), rowOf(rows, r)));
    });
    const asked = rowOf(rows, 0);
    const scores = Float64Array.from({ length: candidateCount }, (_, at) => {
      const product = lengths[0]! * lengths[at + 1]!;
      return product > 0 ? dot(asked, rowOf(rows, at + 1)) / product : 0;
    });
    return {
      scores,
      backward(gradient) {
        const slopes = zeros(rows.rows, rows.columns);
        for (const [at, slope] of gradient.entries()) {
          cosineBackward(slope, scores[at]!, [0, at + 1], rows, lengths, slopes);
        }
        step.backward(slopes);
      },
    };
  }
}

function cosineBackward(
  slope: number,
  cosine: number,
  [a, b]: readonly [number, number],
  rows: Matrix,
  lengths: Float64Array,
  slopes: Matrix,
): void {
  const product = lengths[a]! * lengths[b]!;
  if (product === 0) return;
  for (const [own, other] of [
    [a, b],
    [b, a],
  ] as const) {
    addScaled(rowOf(slopes, own), slope / product, rowOf(rows, other));
    addScaled(rowOf(slopes, own), (-slope * cosine) / lengths[own]! ** 2, rowOf(rows, own));
  }
}
