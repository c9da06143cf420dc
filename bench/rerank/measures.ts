/** How good ranked lists are, and how sure that is. */
import { RandomStream } from '../../sim/world/random.js';

function discount(place: number): number {
  return 1 / Math.log2(place + 2);
}

/**
 * Normalized discounted cumulative gain of the first ten (Järvelin and Kekäläinen 2002), with gains of 1
 * for what is relevant: 1 where all that fit are at the top, 0 where none is among the ten.
 */
export function ndcgAt10(ids: readonly string[], relevant: ReadonlySet<string>): number {
  let gain = 0;
  for (const [place, id] of ids.slice(0, 10).entries())
    if (relevant.has(id)) gain += discount(place);
  let best = 0;
  for (let place = 0; place < Math.min(10, relevant.size); place += 1) best += discount(place);
  return best === 0 ? 0 : gain / best;
}

export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

const resamples = 2000;

/** The mean and its 95 % interval by the percentiles of means of drawn samples (Efron 1979). */
export function bootstrap(values: readonly number[]): Interval {
  const random = new RandomStream(1, 'bootstrap');
  const means = Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let draw = 0; draw < values.length; draw += 1) sum += random.pick(values);
    return sum / values.length;
  }).sort((a, b) => a - b);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, low: means[resamples * 0.025]!, high: means[resamples * 0.975 - 1]! };
}
