import { describe, expect, it } from 'vitest';
import { runBench } from '../../bench/harness.js';
import { rerankBench } from '../../bench/rerank.js';
import { bootstrap, ndcgAt10 } from '../../bench/rerank/measures.js';
import type { VerbSynset } from '../../bench/rerank/verbs.js';
import { RandomStream } from '../../sim/world/random.js';

describe('nDCG@10', () => {
  const relevant = new Set(['a', 'b']);

  it('is 1 with all that is relevant at the top, and 0 with none of it', () => {
    expect(ndcgAt10(['b', 'a', 'x'], relevant)).toBe(1);
    expect(ndcgAt10(['x', 'y'], relevant)).toBe(0);
    expect(ndcgAt10([...Array(10).fill('x'), 'a'], relevant)).toBe(0);
  });

  it('discounts by the logarithm of the place, by hand', () => {
    // Place 2 gives 1/log2(3), place 4 1/log2(5); the best are 1 and 1/log2(3).
    const expected = (1 / Math.log2(3) + 1 / Math.log2(5)) / (1 + 1 / Math.log2(3));
    expect(ndcgAt10(['x', 'a', 'y', 'b'], relevant)).toBeCloseTo(expected, 14);
  });

  it('has no more than ten places to fill', () => {
    const many = Array.from({ length: 30 }, (_, at) => String(at));
    expect(ndcgAt10(many, new Set(many))).toBe(1);
  });
});

describe('the interval of a mean', () => {
  it('is that of the normal distribution for many draws', () => {
    const random = new RandomStream(3, 'values');
    const values = Array.from({ length: 400 }, () => random.fraction());
    const { mean, low, high } = bootstrap(values);
    // Uniform values have a variance of 1/12, so a mean of 400 a deviation of 0.0144.
    expect(high - low).toBeCloseTo(2 * 1.96 * Math.sqrt(1 / 12 / 400), 2);
    expect(low).toBeLessThan(mean);
    expect(high).toBeGreaterThan(mean);
  });

  it('has no width where all values are one', () => {
    expect(bootstrap([0.5, 0.5, 0.5])).toEqual({ mean: 0.5, low: 0.5, high: 0.5 });
  });
});

it('measures each way of reranking, in small', async () => {
  const synsets = Array.from({ length: 60 }, (_, at): VerbSynset => {
    const parent = String(Math.floor(at / 5)).padStart(2, '0');
    const id = String(at).padStart(2, '0');
    const down = Array.from({ length: 5 }, (_child, child) => 5 * at + child).filter(
      (other) => other < 60 && other !== at,
    );
    return {
      id,
      text: `verb ${id}`,
      examples: [`a sentence of ${id}`],
      edges: [
        ...(at === 0 ? [] : [{ to: parent, relation: 'hypernym' }]),
        ...down.map((to) => ({ to: String(to).padStart(2, '0'), relation: 'hyponym' })),
      ],
    };
  });
  const embed = async (texts: readonly string[]): Promise<Float32Array[]> => {
    const random = new RandomStream(1, texts[0]!);
    return texts.map(() => Float32Array.from({ length: 384 }, () => random.fraction() - 0.5));
  };
  const bench = rerankBench({ train: 3, test: 3, epochs: 1, synsets, embed });
  const { rows } = await runBench(bench, 1);
  const subjects = new Set(rows.map(({ subject }) => subject));
  expect([...subjects]).toEqual([
    'cosine',
    'diversity 0.7',
    'attention, multi-head',
    'attention, linear',
    'attention, hyperbolic',
    'gnn, propagation',
    'trained multi-head',
    'trained linear',
    'trained hyperbolic',
    'trained experts',
    'trained sage-mean',
    'trained sage-max',
    'trained gat',
    'trained gat-v2',
  ]);
  for (const { metric, median } of rows) {
    if (metric === 'sentence' || metric === 'related') {
      expect(median).toBeGreaterThanOrEqual(0);
      expect(median).toBeLessThanOrEqual(1);
    }
  }
  const gain = rows.find((row) => row.metric === 'related gain' && row.subject === 'cosine');
  expect(gain?.median).toBe(0);
});
