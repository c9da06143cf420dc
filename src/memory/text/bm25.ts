/**
 * BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009),
 * equation 3.15: for each term of the query, `tf / (k1 ((1 - b) + b dl / avdl) + tf)` times its inverse
 * document frequency. The latter is `ln(1 + (N - df + 0.5) / (df + 0.5))`, which unlike the weight of
 * Robertson and Sparck Jones is positive for terms that most documents hold.
 *
 * Scores are counted in units of 2^-32. Sums of whole numbers do not depend on their order, so nodes
 * whose indexes grew in different ways give one score to the last bit.
 */

/** How soon further occurrences of a term stop to count. */
export const K1 = 1.2;
/** How much the length of a document counts, from 0 to 1. */
export const B = 0.75;

/** What one is worth in units of a score. */
export const UNITS_PER_ONE = 2 ** 32;

/** What the documents of an index have in common. */
export interface Collection {
  readonly documents: number;
  /** Tokens of all documents together. */
  readonly tokens: number;
}

/** `ln(1 + (N - df + 0.5) / (df + 0.5))`. */
export function inverseDocumentFrequency(documents: number, holding: number): number {
  return Math.log(1 + (documents - holding + 0.5) / (holding + 0.5));
}

/** What one term of a query is worth in the documents of a collection. */
export class TermWeight {
  /** No document has more of this term. */
  readonly ceiling: number;
  /** `k1 (1 - b)` and `k1 b / avdl`. */
  readonly #base: number;
  readonly #slope: number;

  constructor({ documents, tokens }: Collection, holding: number) {
    this.ceiling = Math.ceil(inverseDocumentFrequency(documents, holding) * UNITS_PER_ONE);
    this.#base = K1 * (1 - B);
    this.#slope = tokens === 0 ? 0 : (K1 * B * documents) / tokens;
  }

  /**
   * The term's part of the score of a document of `length` tokens that holds it `count` times, at least
   * one unit. In this
   * form each operation, rounded as it is, never falls with the count nor rises with the length: the
   * bound of a block is made by the same steps and holds without a margin.
   */
  units(count: number, length: number): number {
    return Math.ceil(this.ceiling / (1 + (this.#base + this.#slope * length) / count));
  }
}
