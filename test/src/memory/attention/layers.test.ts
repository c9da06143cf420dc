/** Multi-head attention and the mixture of experts: as PyTorch has them, and against differences. */
import { describe, expect, it } from 'vitest';

import { topGates } from '../../../../src/memory/attention/gating.js';
import { MixtureOfExperts } from '../../../../src/memory/attention/mixture-of-experts.js';
import { MultiHeadAttention, perHead } from '../../../../src/memory/attention/multi-head.js';
import { scaledDotProduct } from '../../../../src/memory/attention/scaled-dot-product.js';
import { matrixOf } from '../../../../src/memory/neural/matrix.js';
import { SeededRandom } from '../../../../src/memory/seeded-random.js';
import { expectGradients, expectLayer, randomMatrix, rowsOf, seedOf } from '../neural/support.js';

describe('multi-head attention', () => {
  it('is nn.MultiheadAttention', () => {
    const shape = { dimensions: 4, width: 4, heads: 2 };
    const layer = new MultiHeadAttention(scaledDotProduct, shape, new SeededRandom(1));
    const { query, key, value, output: out } = layer;
    expectLayer('multiHead', { query, key, value, out }, (rows) => layer.forward(rows));
  });

  it('adds nothing before training', () => {
    const shape = { dimensions: 6, width: 4, heads: 2 };
    const layer = new MultiHeadAttention(scaledDotProduct, shape, new SeededRandom(1));
    const { output } = layer.forward(randomMatrix(3, 6, new SeededRandom(2)));
    expect([...output.values]).toEqual(Array.from({ length: 18 }, () => 0));
  });

  it('keeps heads apart', () => {
    // The second head has equal keys, so it gives the mean whatever the first does.
    const queries = matrixOf([[50, 1]]);
    const keys = matrixOf([
      [1, 0],
      [-1, 0],
    ]);
    const values = matrixOf([
      [3, 10],
      [5, 20],
    ]);
    const { output } = perHead(scaledDotProduct, 2)(queries, keys, values);
    expect(output.values[0]).toBeCloseTo(3, 12);
    expect(output.values[1]).toBe(15);
  });
});

describe('the gate of the experts', () => {
  it('is a softmax over the best scores alone', () => {
    const { weights } = topGates(matrixOf([[Math.log(3), 0, -1, 0]]), 2);
    // Of the two level scores the first expert counts.
    expect(weights.values[0]).toBeCloseTo(3 / 4, 14);
    expect(weights.values[1]).toBeCloseTo(1 / 4, 14);
    expect([...weights.values.subarray(2)]).toEqual([0, 0]);
  });

  it('measures how unequally rows go to experts', () => {
    // One expert gets both rows: importance 2 and 0, mean 1, variance 1.
    const scores = [
      [9, 0],
      [9, 0],
    ];
    expect(topGates(matrixOf(scores), 1).imbalance).toBe(1);
    const even = [
      [9, 0],
      [0, 9],
    ];
    expect(topGates(matrixOf(even), 1).imbalance).toBe(0);
  });
});

describe('the mixture of experts', () => {
  it('gives the values and gradients of PyTorch', () => {
    const shape = { dimensions: 4, width: 2, experts: 3, active: 2 };
    const layer = new MixtureOfExperts(shape, new SeededRandom(1));
    const { gate, key, value } = layer;
    const own = layer.experts.flatMap(({ query, output }, at) => [
      [`query${at}`, query] as const,
      [`out${at}`, output] as const,
    ]);
    const parameters = { gate, key, value, ...Object.fromEntries(own) };
    expectLayer('experts', parameters, (rows) => layer.forward(rows));
  });

  it('has the gradients that differences show', () => {
    const random = new SeededRandom(seedOf());
    const shape = { dimensions: 5, width: 3, experts: 4, active: 2 };
    const layer = new MixtureOfExperts(shape, random);
    for (const { output } of layer.experts) {
      output.values.set(randomMatrix(5, 3, random).values);
    }
    const rows = randomMatrix(6, 5, random);
    const slopes = randomMatrix(6, 5, random);
    const back = layer.forward(rows).backward(slopes);
    expectGradients(
      [rows, ...layer.parameters],
      () => {
        const { output, imbalance } = layer.forward(rows);
        return { output, extra: 0.01 * imbalance };
      },
      slopes,
      [back, ...layer.parameters.map(({ gradient }) => gradient)],
    );
  });

  it('reads nothing of an expert that no row goes to', () => {
    const shape = { dimensions: 2, width: 2, experts: 2, active: 1 };
    const layer = new MixtureOfExperts(shape, new SeededRandom(1));
    layer.gate.values.set([1, 0, -1, 0]);
    for (const { output } of layer.experts) output.values.fill(1);
    const rows = matrixOf([
      [1, 0.5],
      [2, -0.5],
    ]);
    const before = rowsOf(layer.forward(rows).output);
    layer.experts[1]!.output.values.fill(7);
    expect(rowsOf(layer.forward(rows).output)).toEqual(before);
    layer.experts[0]!.output.values.fill(7);
    expect(rowsOf(layer.forward(rows).output)).not.toEqual(before);
  });
});
