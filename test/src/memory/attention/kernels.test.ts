/** Each kind of attention by hand, as PyTorch has it, and its gradients against differences. */
import { describe, expect, it } from 'vitest';

import { blockedAttention } from '../../../../src/memory/attention/blocked-attention.js';
import { hyperbolicAttention } from '../../../../src/memory/attention/hyperbolic-attention.js';
import type { AttentionKernel } from '../../../../src/memory/attention/kernel.js';
import { linearAttention } from '../../../../src/memory/attention/linear-attention.js';
import { scaledDotProduct } from '../../../../src/memory/attention/scaled-dot-product.js';
import { matrixOf } from '../../../../src/memory/neural/matrix.js';
import { SeededRandom } from '../../../../src/memory/seeded-random.js';
import {
  expectGradients,
  expectRows,
  randomMatrix,
  reference,
  rowsOf,
  seedOf,
} from '../neural/support.js';

const kernels: readonly (readonly [name: string, case_: string, kernel: AttentionKernel])[] = [
  ['scaled dot-product', 'dotProduct', scaledDotProduct],
  ['linear', 'linear', linearAttention],
  ['hyperbolic', 'hyperbolic', hyperbolicAttention(1.5)],
  ['blocked by 1', 'dotProduct', blockedAttention(1)],
  ['blocked by 2', 'dotProduct', blockedAttention(2)],
  ['blocked by 64', 'dotProduct', blockedAttention(64)],
];

describe.each(kernels)('%s attention', (_name, case_, kernel) => {
  it('gives the values and gradients of PyTorch', () => {
    const { inputs, output, slopes, gradients } = reference(case_);
    const [queries, keys, values] = [inputs['queries']!, inputs['keys']!, inputs['values']!];
    const step = kernel(matrixOf(queries), matrixOf(keys), matrixOf(values));
    expectRows(step.output, output);
    const back = step.backward(matrixOf(slopes));
    expectRows(back.queries, gradients['queries']!, 11);
    expectRows(back.keys, gradients['keys']!, 11);
    expectRows(back.values, gradients['values']!, 11);
  });

  it('has the gradients that differences show', () => {
    const random = new SeededRandom(seedOf());
    const [queries, keys, values] = [
      randomMatrix(4, 3, random),
      randomMatrix(7, 3, random),
      randomMatrix(7, 5, random),
    ];
    const slopes = randomMatrix(4, 5, random);
    const back = kernel(queries, keys, values).backward(slopes);
    const gradients = [back.queries, back.keys, back.values];
    expectGradients(
      [queries, keys, values],
      () => kernel(queries, keys, values),
      slopes,
      gradients,
    );
  });

  it('gives a mean of the values: equal ones come back', () => {
    const random = new SeededRandom(seedOf());
    const [queries, keys] = [randomMatrix(3, 4, random, 5), randomMatrix(9, 4, random, 5)];
    const values = matrixOf(Array.from({ length: 9 }, () => [0.25, -0.5]));
    const { output } = kernel(queries, keys, values);
    for (const row of rowsOf(output)) {
      expect(row[0]).toBeCloseTo(0.25, 10);
      expect(row[1]).toBeCloseTo(-0.5, 10);
    }
  });
});

describe('attention by hand', () => {
  it('weighs keys by the exponential of their scaled product', () => {
    // Scores 1 and 0 after the scale of 1/2: parts e/(e+1) and 1/(e+1).
    const { output } = scaledDotProduct(
      matrixOf([[2, 0, 0, 0]]),
      matrixOf([
        [1, 0, 0, 0],
        [0, 9, 9, 9],
      ]),
      matrixOf([[1], [0]]),
    );
    expect(output.values[0]).toBeCloseTo(Math.E / (Math.E + 1), 14);
  });

  it('maps by elu + 1 before linear attention', () => {
    // phi(0) = 1, phi(1) = 2, phi(-ln 2) = 1/2: parts 2 and 1/2 of 2.5.
    const { output } = linearAttention(
      matrixOf([[0]]),
      matrixOf([[1], [-Math.LN2]]),
      matrixOf([[10], [0]]),
    );
    expect(output.values[0]).toBeCloseTo(8, 14);
  });

  it('measures distances along the hyperboloid, and takes the midpoint of equal values', () => {
    // On one line the distance of the points r and s is |r - s|: 1 and 3 from the query.
    const { output } = hyperbolicAttention(Math.LN2)(
      matrixOf([[1]]),
      matrixOf([[2], [4]]),
      matrixOf([[0.5], [-0.5]]),
    );
    // Weights 1/2 and 1/8, equal Lorentz factors: (4 - 1) / 5 of tanh(1/2), back by atanh.
    expect(output.values[0]).toBeCloseTo(Math.atanh((3 / 5) * Math.tanh(0.5)), 12);
  });

  it('pulls the Einstein midpoint to the value farther out', () => {
    const { output } = hyperbolicAttention(1)(
      matrixOf([[0]]),
      matrixOf([[0], [0]]),
      matrixOf([[0], [2]]),
    );
    const lorentz = Math.cosh(2);
    expect(output.values[0]).toBeCloseTo(Math.atanh((lorentz * Math.tanh(2)) / (1 + lorentz)), 12);
  });

  it('cuts tangent vectors that are too long, and keeps to finite numbers', () => {
    const far = hyperbolicAttention(1);
    const run = (length: number): number[] => {
      const step = far(matrixOf([[length, 0]]), matrixOf([[0, length]]), matrixOf([[length, 0]]));
      const back = step.backward(matrixOf([[1, 1]]));
      return [...step.output.values, ...back.values.values, ...back.queries.values];
    };
    expect(run(1e6).every(Number.isFinite)).toBe(true);
    expect(run(1e6)[0]).toBeCloseTo(8, 3);
  });

  it('gives in blocks what it gives whole, for scores far apart too', () => {
    const random = new SeededRandom(seedOf());
    const [queries, keys, values] = [
      randomMatrix(20, 8, random, 30),
      randomMatrix(131, 8, random, 30),
      randomMatrix(131, 4, random),
    ];
    const whole = scaledDotProduct(queries, keys, values);
    const slopes = randomMatrix(20, 4, random);
    for (const size of [1, 7, 64, 131, 1000]) {
      const blocked = blockedAttention(size)(queries, keys, values);
      expectRows(blocked.output, rowsOf(whole.output));
      const [a, b] = [blocked.backward(slopes), whole.backward(slopes)];
      expectRows(a.keys, rowsOf(b.keys), 9);
      expectRows(a.queries, rowsOf(b.queries), 9);
    }
  });
});
