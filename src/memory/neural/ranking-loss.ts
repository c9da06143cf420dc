/** How wrong a list of scores is, given which of its places are relevant. */
import { assert } from '../errors.js';

export interface Loss {
  readonly loss: number;
  /** With respect to each score. */
  readonly gradient: Float64Array;
}

export type LossName = 'listwise' | 'pairwise';

/** `isRelevant` has a place for each score, at least one of them and not all true. */
export function rankingLoss(
  name: LossName,
  scores: Float64Array,
  isRelevant: readonly boolean[],
): Loss {
  assert(scores.length === isRelevant.length, 'each score is known to be relevant or not');
  const relevant = isRelevant.filter(Boolean).length;
  assert(relevant > 0 && relevant < scores.length, 'a list has relevant places and others');
  return name === 'listwise'
    ? listwise(scores, isRelevant, relevant)
    : pairwise(scores, isRelevant, relevant);
}

/** Cross entropy of the chances to be first, softmax of the scores (Cao et al. 2007, section 4.3). */
function listwise(scores: Float64Array, isRelevant: readonly boolean[], relevant: number): Loss {
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  let loss = 0;
  const gradient = powers.map((power, at) => {
    const target = isRelevant[at] === true ? 1 / relevant : 0;
    if (target > 0) loss -= target * (scores[at]! - most - Math.log(sum));
    return power / sum - target;
  });
  return { loss, gradient };
}

/** Mean of ln(1 + exp(s_other - s_relevant)) over all such pairs (RankNet, Burges et al. 2005, 3). */
function pairwise(scores: Float64Array, isRelevant: readonly boolean[], relevant: number): Loss {
  const pairs = relevant * (scores.length - relevant);
  const gradient = new Float64Array(scores.length);
  let loss = 0;
  for (const [i, better] of scores.entries()) {
    if (isRelevant[i] !== true) continue;
    for (const [j, other] of scores.entries()) {
      if (isRelevant[j] === true) continue;
      const behind = other - better;
      loss += (Math.max(0, behind) + Math.log1p(Math.exp(-Math.abs(behind)))) / pairs;
      const slope = 1 / (1 + Math.exp(-behind)) / pairs;
      gradient[i]! -= slope;
      gradient[j]! += slope;
    }
  }
  return { loss, gradient };
}
