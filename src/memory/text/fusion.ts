/** Several ranked lists of one question as one. Pure, with ties by id, so that all nodes agree. */
import { MemoryError } from '../errors.js';
import { byScore, type Scored } from '../nearest.js';

/** The constant of Cormack, Clarke and Büttcher, which they found to matter little. */
export const RANK_CONSTANT = 60;

/**
 * Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): each list gives the document at its
 * rank r, counted from one, `1 / (k + r)`, and what it does not hold nothing. Scores of the lists are
 * not compared. Lists are sorted, best first. Throws `invalid` for a constant that is negative.
 */
export function fuseByRank(
  lists: readonly (readonly Scored[])[],
  rankConstant = RANK_CONSTANT,
): Scored[] {
  if (!(rankConstant >= 0 && Number.isFinite(rankConstant))) {
    throw new MemoryError('invalid', `the rank constant ${rankConstant} is not 0 or more`);
  }
  const sums = new Map<string, number>();
  for (const list of lists) {
    for (const [at, { id }] of list.entries()) {
      sums.set(id, (sums.get(id) ?? 0) + 1 / (rankConstant + at + 1));
    }
  }
  return sorted(sums);
}

export interface WeightedList {
  readonly hits: readonly Scored[];
  /** 0 or more; only the proportions of the weights count. */
  readonly weight: number;
}

/**
 * The weighted sum of scores that were scaled to each list's own range: its best hit counts one, its
 * last zero, and what it does not hold zero. A list of equal scores counts one for each. The sum is from
 * 0 to 1. Throws `invalid` for weights that are negative or all zero, and for scores that are no numbers.
 */
export function fuseByWeight(lists: readonly WeightedList[]): Scored[] {
  const total = lists.reduce((sum, { weight }) => sum + weight, 0);
  if (!lists.every(({ weight }) => weight >= 0) || !(total > 0 && Number.isFinite(total))) {
    throw new MemoryError('invalid', 'weights are numbers from 0 on, and one is more than 0');
  }
  const sums = new Map<string, number>();
  for (const { hits, weight } of lists) {
    const scores = hits.map(({ score }) => score);
    if (!scores.every(Number.isFinite)) throw new MemoryError('invalid', 'a score is no number');
    const least = scores.reduce((a, b) => Math.min(a, b), Infinity);
    const range = scores.reduce((a, b) => Math.max(a, b), -Infinity) - least;
    for (const { id, score } of hits) {
      const scaled = range > 0 ? (score - least) / range : 1;
      sums.set(id, (sums.get(id) ?? 0) + (weight / total) * scaled);
    }
  }
  return sorted(sums);
}

function sorted(sums: ReadonlyMap<string, number>): Scored[] {
  return [...sums].map(([id, score]) => ({ id, score })).sort(byScore);
}

export interface DiversityOptions {
  /** 1: by score alone; 0: after the first hit, whatever is least like those before. */
  readonly lambda: number;
  readonly limit: number;
  /** How alike two hits are, 0 to 1. */
  readonly similarity: (a: string, b: string) => number;
}

/**
 * Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): one by one the hit with the most
 * `lambda * score - (1 - lambda) * similarity` to the most similar one that was taken before. Scores are
 * scaled to their range first, since they have to be comparable with similarities; each hit keeps its
 * own score. Equal ones by the order of `hits`. Asks for fewer than `hits.length * limit` similarities.
 * Throws `invalid`.
 */
export function diversify<Hit extends Scored>(
  hits: readonly Hit[],
  { lambda, limit, similarity }: DiversityOptions,
): Hit[] {
  if (!(lambda >= 0 && lambda <= 1)) {
    throw new MemoryError('invalid', `lambda ${lambda} is not between 0 and 1`);
  }
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new MemoryError('invalid', `${limit} hits cannot be chosen`);
  }
  const [most, least] = [hits.reduce(higher, -Infinity), hits.reduce(lower, Infinity)];
  const left = hits.map((hit) => {
    const relevance = most > least ? (hit.score - least) / (most - least) : 1;
    return { hit, relevance, nearest: 0 };
  });
  const chosen: Hit[] = [];
  while (chosen.length < limit && left.length > 0) {
    let best = 0;
    let bestWorth = -Infinity;
    for (const [at, { relevance, nearest }] of left.entries()) {
      const worth = lambda * relevance - (1 - lambda) * nearest;
      if (worth > bestWorth) [best, bestWorth] = [at, worth];
    }
    const [taken] = left.splice(best, 1);
    if (taken === undefined) break;
    chosen.push(taken.hit);
    if (chosen.length === limit) break;
    for (const candidate of left) {
      const alike = similarity(candidate.hit.id, taken.hit.id);
      if (alike > candidate.nearest) candidate.nearest = alike;
    }
  }
  return chosen;
}

function higher(most: number, { score }: Scored): number {
  return Math.max(most, score);
}

function lower(least: number, { score }: Scored): number {
  return Math.min(least, score);
}
