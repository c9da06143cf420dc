/** Maximal marginal relevance (Carbonell and Goldstein 1998) as v1 has it. */
import { cosine } from '../records.js';

interface Candidate {
  readonly score: number;
  readonly embedding: ArrayLike<number>;
}

/** Throws for vectors of two lengths, as v1 does; 0 where one of them has no length. */
export function cosineSimilarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) {
    throw new Error(`Vector dimension mismatch: ${a.length} vs ${b.length}`);
  }
  return cosine(a, b);
}

/**
 * Up to `k` candidates, the best score first, then each time the one with the most of
 * `lambda * score - (1 - lambda) * similarity to the most similar one chosen`. All of them, in the order
 * given, where there are no more than `k`.
 */
export function mmrSelection<Item extends Candidate>(
  candidates: readonly Item[],
  _queryEmbed: ArrayLike<number>,
  k: number,
  lambda = 0.5,
): Item[] {
  if (candidates.length === 0 || k <= 0) return [];
  if (k >= candidates.length) return [...candidates];
  const left = [...candidates].sort((a, b) => b.score - a.score);
  // No less than 0, so that what points away from the chosen ones gains nothing by it.
  const likeness = new Map(left.map((item) => [item, 0]));
  const chosen: Item[] = [];
  while (chosen.length < k) {
    const best = bestOf(left, (item) => {
      return lambda * item.score - (1 - lambda) * (likeness.get(item) ?? 0);
    });
    const [next] = left.splice(best, 1);
    if (next === undefined) break;
    chosen.push(next);
    for (const item of left) {
      const similarity = cosineSimilarity(item.embedding, next.embedding);
      likeness.set(item, Math.max(likeness.get(item) ?? 0, similarity));
    }
  }
  return chosen;
}

function bestOf<Item>(items: readonly Item[], scoreOf: (item: Item) => number): number {
  let [best, most] = [0, -Infinity];
  for (const [at, item] of items.entries()) {
    const score = scoreOf(item);
    if (score > most) [best, most] = [at, score];
  }
  return best;
}
