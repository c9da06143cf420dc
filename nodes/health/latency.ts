/**
 * Latencies of many requests in little room: a DDSketch (Masson, Rim, Lee, VLDB 2019), whose quantiles are
 * right to `LATENCY_ACCURACY`, and of which those of several slots or members are merged without loss.
 */
import { DDSketch } from '@datadog/sketches-js';

import { NodeError } from '../errors.js';
import { LATENCY_ACCURACY, LATENCY_BINS_MAX, LATENCY_MS_MAX, LATENCY_MS_MIN } from './limits.js';

/** A bin by its key in the logarithmic mapping of the sketch, and how many latencies are in it. */
export type Bin = readonly [key: number, count: number];

export class Latencies {
  readonly #sketch = new DDSketch({ relativeAccuracy: LATENCY_ACCURACY });

  static merged(parts: Iterable<Latencies>): Latencies {
    const all = new Latencies();
    for (const part of parts) all.merge(part);
    return all;
  }

  /** Throws `malformed` unless these can be the bins of a sketch of this accuracy. */
  static ofBins(bins: readonly Bin[]): Latencies {
    const latencies = new Latencies();
    const { mapping } = latencies.#sketch;
    const [lowest, highest] = [mapping.key(LATENCY_MS_MIN), mapping.key(LATENCY_MS_MAX)];
    for (const [key, count] of bins) {
      const isKey = Number.isSafeInteger(key) && key >= lowest && key <= highest;
      if (!isKey || !Number.isSafeInteger(count) || count < 1) {
        throw new NodeError('malformed', `(${key}, ${count}) is no bin of latencies`);
      }
      latencies.#sketch.accept(mapping.value(key), count);
    }
    return latencies;
  }

  get count(): number {
    return this.#sketch.count;
  }

  add(latencyMs: number): void {
    this.#sketch.accept(Math.min(LATENCY_MS_MAX, Math.max(LATENCY_MS_MIN, latencyMs)));
  }

  merge(other: Latencies): void {
    this.#sketch.merge(other.#sketch);
  }

  /** Milliseconds; null when there is nothing. */
  quantileMs(quantile: number): number | null {
    return this.count === 0 ? null : this.#sketch.getValueAtQuantile(quantile);
  }

  /** By key; at most `LATENCY_BINS_MAX` of them. */
  bins(): Bin[] {
    const { bins, offset } = this.#sketch.store;
    const found: Bin[] = [];
    for (const [at, count] of bins.entries()) if (count > 0) found.push([at + offset, count]);
    if (found.length > LATENCY_BINS_MAX) throw new RangeError('the bounds of latencies bound bins');
    return found;
  }
}
