/** Narrow codes for tests. */
import { Codebook } from '../../../../src/memory/index/codebook.js';
import type { Codes } from '../../../../src/memory/index/codes.js';
import type { Metric } from '../../../../src/memory/index/kernel.js';
import { VectorSource } from './support.js';

export const narrowNames = ['float16', 'rabitq4', 'rabitq2', 'rabitq1', 'product'] as const;
export type NarrowName = (typeof narrowNames)[number];

/** Codes by name; for `product` a codebook whose centroids are vectors as they come. */
export function codesNamed(
  name: NarrowName,
  seed: number,
  dimensions: number,
  subvectors: number,
  metric: Metric = 'cosine',
): Codes {
  if (name !== 'product') return name;
  const source = new VectorSource(seed, dimensions);
  const centroids = new Float32Array(dimensions * 256);
  for (let k = 0; k < 256; k += 1) {
    const vector = source.next();
    const length = metric === 'cosine' ? Math.hypot(...vector) : 1;
    for (let i = 0; i < dimensions; i += 1) centroids[i * 256 + k] = vector[i]! / length;
  }
  return new Codebook({ dimensions, subvectors, metric }, centroids);
}
