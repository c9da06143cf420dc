/** The optimizer and the losses: as PyTorch has them, and against differences. */
import { describe, expect, it } from 'vitest';

import { Adam } from '../../../../src/memory/neural/adam.js';
import { matrixOf } from '../../../../src/memory/neural/matrix.js';
import { Parameter } from '../../../../src/memory/neural/parameter.js';
import { rankingLoss } from '../../../../src/memory/neural/ranking-loss.js';
import { SeededRandom } from '../../../../src/memory/seeded-random.js';
import { expectRows, REFERENCE, reference, seedOf } from './support.js';

describe('the optimizer', () => {
  it('takes the steps of torch.optim.AdamW', () => {
    const { before, slopes, after } = REFERENCE.adam;
    const weights = new Parameter(2, 3);
    weights.values.set(before.flat());
    const adam = new Adam([weights], { rate: 0.01, decay: 0.1 });
    for (const [at, slope] of slopes.entries()) {
      weights.gradient.values.set(slope.flat());
      adam.step();
      expectRows(weights, after[at]!);
      expect(weights.gradient.values.every((value) => value === 0)).toBe(true);
    }
  });

  it('begins with a step of the whole rate, by hand', () => {
    // Algorithm 1 with t = 1: both corrected means are the gradient, whatever its size.
    const weights = new Parameter(1, 2);
    weights.gradient.values.set([1000, -0.001]);
    new Adam([weights], { rate: 0.5 }).step();
    expect(weights.values[0]).toBeCloseTo(-0.5, 9);
    expect(weights.values[1]).toBeCloseTo(0.5, 4);
  });
});

describe.each(['listwise', 'pairwise'] as const)('the %s loss', (name) => {
  it('is that of PyTorch', () => {
    const { inputs, output, slopes, gradients } = reference(name);
    const scores = Float64Array.from(inputs['scores']!.flat());
    const { loss, gradient } = rankingLoss(name, scores, [false, true, false, true, false]);
    expect(loss).toBeCloseTo(output[0]![0]!, 12);
    const scaled = [...gradient].map((slope) => slope * slopes[0]![0]!);
    expectRows(matrixOf([scaled]), gradients['scores']!);
  });

  it('has the gradient that differences show, and falls when a relevant score rises', () => {
    const random = new SeededRandom(seedOf());
    const scores = Float64Array.from({ length: 8 }, () => 6 * random.fraction() - 3);
    const isRelevant = scores.map((_, at) => Number(at % 3 === 0));
    const wanted = [...isRelevant].map(Boolean);
    const { gradient } = rankingLoss(name, scores, wanted);
    for (const [at, slope] of gradient.entries()) {
      const lossAt = (change: number): number => {
        const moved = scores.slice();
        moved[at]! += change;
        return rankingLoss(name, moved, wanted).loss;
      };
      expect(slope).toBeCloseTo((lossAt(1e-5) - lossAt(-1e-5)) / 2e-5, 8);
    }
    const risen = scores.map((score, at) => (wanted[at] === true ? score + 1 : score));
    expect(rankingLoss(name, risen, wanted).loss).toBeLessThan(
      rankingLoss(name, scores, wanted).loss,
    );
  });

  it('stays finite for scores far apart', () => {
    const { loss, gradient } = rankingLoss(name, Float64Array.of(-800, 800), [true, false]);
    expect(loss).toBeCloseTo(1600, 6);
    expect(gradient.every(Number.isFinite)).toBe(true);
  });
});

it('gives the same numbers for the same seed, spread over the unit interval', () => {
  const draw = (seed: number): number[] => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 1000 }, () => random.fraction());
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  const mean = draw(7).reduce((sum, x) => sum + x, 0) / 1000;
  expect(mean).toBeGreaterThan(0.45);
  expect(mean).toBeLessThan(0.55);
});
