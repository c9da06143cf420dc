/** GraphSAGE and graph attention: by hand, as PyTorch has them, and against differences. */
import { describe, expect, it } from 'vitest';

import { adjacentOf } from '../../../../src/memory/gnn/adjacent.js';
import { GatLayer } from '../../../../src/memory/gnn/gat.js';
import { propagate } from '../../../../src/memory/gnn/propagation.js';
import { SageLayer } from '../../../../src/memory/gnn/sage.js';
import { type Matrix, matrixOf, type Step } from '../../../../src/memory/neural/matrix.js';
import type { Parameter } from '../../../../src/memory/neural/parameter.js';
import { SeededRandom } from '../../../../src/memory/seeded-random.js';
import {
  expectGradients,
  expectLayer,
  randomMatrix,
  REFERENCE,
  rowsOf,
  seedOf,
} from '../neural/support.js';

const graph = adjacentOf(5, REFERENCE.edges);

describe('neighbours', () => {
  it('are both ends of an edge, each once with the heaviest weight, never the node itself', () => {
    const adjacent = adjacentOf(4, [
      [0, 2, 0.5],
      [2, 0, 0.75],
      [1, 2, 0.25],
      [2, 2, 1],
      [0, 1, 0],
    ]);
    expect([...adjacent.offsets]).toEqual([0, 1, 2, 4, 4]);
    expect([...adjacent.neighbours]).toEqual([2, 2, 0, 1]);
    expect([...adjacent.weights]).toEqual([0.75, 0.25, 0.75, 0.25]);
  });
});

describe('GraphSAGE', () => {
  it('gives the values and gradients of PyTorch with the mean', () => {
    const layer = new SageLayer(3, 4, 'mean', new SeededRandom(1));
    const { own, neighbour, bias } = layer;
    expectLayer('sageMean', { own, neighbour, bias }, (rows) => layer.forward(rows, graph));
  });

  it('gives the values and gradients of PyTorch with the maximum', () => {
    const layer = new SageLayer(3, 4, 'max', new SeededRandom(1));
    const { own, neighbour, bias } = layer;
    const { weights, bias: poolBias } = layer.pool!;
    expectLayer('sageMax', { own, neighbour, bias, pool: weights, poolBias }, (rows) =>
      layer.forward(rows, graph),
    );
  });

  it('adds what a node is and the mean of its neighbours, by hand', () => {
    const layer = new SageLayer(1, 1, 'mean', new SeededRandom(1));
    layer.own.values.set([2]);
    layer.neighbour.values.set([10]);
    layer.bias.values.set([1]);
    const path = adjacentOf(4, [
      [0, 1, 1],
      [1, 2, 1 / 3],
    ]);
    const { output } = layer.forward(matrixOf([[1], [2], [4], [-3]]), path);
    // 2*1 + 10*2 + 1; 2*2 + 10*(1*1 + 4/3)/(4/3) + 1; 2*4 + 10*2 + 1; and -5, cut at 0.
    expect(output.values[0]).toBe(23);
    expect(output.values[1]).toBeCloseTo(5 + (10 * (7 / 3)) / (4 / 3), 12);
    expect([...output.values.subarray(2)]).toEqual([29, 0]);
  });
});

describe('graph attention', () => {
  it('gives the values and gradients of PyTorch in version 1', () => {
    const shape = { inputs: 3, width: 3, heads: 2, version: 1 } as const;
    const layer = new GatLayer(shape, new SeededRandom(1));
    const { source, sourceScore, bias } = layer;
    const parameters = { source, sourceScore, targetScore: layer.targetScore!, bias };
    expectLayer('gat', parameters, (rows) => layer.forward(rows, graph));
  });

  it('gives the values and gradients of PyTorch in version 2', () => {
    const shape = { inputs: 3, width: 3, heads: 2, version: 2 } as const;
    const layer = new GatLayer(shape, new SeededRandom(1));
    const { source, sourceScore, bias } = layer;
    const parameters = { source, sourceScore, target: layer.target!, bias };
    expectLayer('gatV2', parameters, (rows) => layer.forward(rows, graph));
  });

  it('weighs neighbours by the softmax of bent scores, by hand', () => {
    const layer = new GatLayer({ inputs: 1, width: 1, heads: 1, version: 1 }, new SeededRandom(1));
    layer.source.values.set([1]);
    layer.sourceScore.values.set([1]);
    layer.targetScore!.values.set([0]);
    const pair = adjacentOf(2, [[0, 1, 1]]);
    const { output } = layer.forward(matrixOf([[1], [-5]]), pair);
    // Scores 1 and 0.2 * -5 = -1, for both nodes alike: (e - 5/e) / (e + 1/e).
    const expected = (Math.E - 5 / Math.E) / (Math.E + 1 / Math.E);
    expect(output.values[0]).toBeCloseTo(expected, 14);
    expect(output.values[1]).toBeCloseTo(expected, 14);
  });

  it('lets each node have a best neighbour of its own in version 2', () => {
    // Brody et al., section 3: version 1 cannot, its scores order neighbours alike for all nodes.
    const shape = { inputs: 2, width: 4, heads: 1, version: 2 } as const;
    const layer = new GatLayer(shape, new SeededRandom(3));
    // -|t + s|, from two bent halves: how near the node is to its neighbour.
    layer.source.values.set([1, 0, -1, 0, 0, 1, 0, -1]);
    layer.target!.values.set([-1, 0, 1, 0, 0, -1, 0, 1]);
    layer.sourceScore.values.set([-9, -9, -9, -9]);
    const rows = matrixOf([
      [5, 0],
      [-5, 0],
      [5, 0.5],
      [-5, 0.5],
    ]);
    const edges = [0, 1].flatMap((node) => [2, 3].map((other) => [node, other, 1] as const));
    const { output } = layer.forward(rows, adjacentOf(4, edges));
    expect(output.values[0]).toBeCloseTo(5, 9);
    expect(output.values[4]).toBeCloseTo(-5, 9);
  });
});

type Layer = {
  readonly parameters: readonly Parameter[];
  forward(rows: Matrix, adjacent: typeof graph): Step;
};
const layers: readonly (readonly [string, (random: SeededRandom) => Layer])[] = [
  ['GraphSAGE mean', (random) => new SageLayer(4, 6, 'mean', random)],
  ['GraphSAGE max', (random) => new SageLayer(4, 6, 'max', random)],
  ['GAT', (random) => new GatLayer({ inputs: 4, width: 3, heads: 2, version: 1 }, random)],
  ['GATv2', (random) => new GatLayer({ inputs: 4, width: 3, heads: 2, version: 2 }, random)],
];

describe.each(layers)('%s', (_name, create) => {
  it('has the gradients that differences show', () => {
    const random = new SeededRandom(seedOf());
    const layer = create(random);
    const edges = Array.from({ length: 16 }, () => {
      const end = (): number => Math.floor(random.fraction() * 9);
      return [end(), end(), random.fraction()] as const;
    });
    const adjacent = adjacentOf(9, edges);
    const rows = randomMatrix(9, 4, random);
    const slopes = randomMatrix(9, 6, random);
    const back = layer.forward(rows, adjacent).backward(slopes);
    expectGradients([rows, ...layer.parameters], () => layer.forward(rows, adjacent), slopes, [
      back,
      ...layer.parameters.map(({ gradient }) => gradient),
    ]);
  });

  it('does not depend on the numbers of the nodes', () => {
    const random = new SeededRandom(seedOf());
    const layer = create(random);
    const rows = rowsOf(randomMatrix(5, 4, random));
    const order = [0, 1, 2, 3, 4];
    random.shuffle(order);
    const moved = order.map((from) => rows[from]!);
    const place = (node: number): number => order.indexOf(node);
    const edges = REFERENCE.edges.map(([a, b, w]) => [place(a), place(b), w] as const);
    const here = rowsOf(layer.forward(matrixOf(rows), graph).output);
    const there = rowsOf(layer.forward(matrixOf(moved), adjacentOf(5, edges)).output);
    for (const [at, from] of order.entries()) {
      for (const [i, value] of there[at]!.entries()) expect(value).toBeCloseTo(here[from]![i]!, 12);
    }
  });
});

describe('propagation without weights', () => {
  it('is the middle of a node and the mean of its neighbours', () => {
    const path = adjacentOf(4, [
      [0, 1, 1],
      [1, 2, 1 / 3],
    ]);
    const rows = matrixOf([[1], [0], [0], [5]]);
    expect([...propagate(rows, path, 1).values]).toEqual([0.5, 0.375, 0, 5]);
    expect([...propagate(rows, path, 2).values]).toEqual([0.4375, 0.375, 0.1875, 5]);
  });

  it('commutes with the inner product, so that scores may be passed on instead of vectors', () => {
    const random = new SeededRandom(seedOf());
    const [rows, query] = [randomMatrix(5, 6, random), randomMatrix(6, 1, random)];
    const scoresOf = (from: Matrix): number[] =>
      rowsOf(from).map((row) => row.reduce((sum, x, i) => sum + x * query.values[i]!, 0));
    const after = scoresOf(propagate(rows, graph, 3));
    const before = propagate(matrixOf(scoresOf(rows).map((score) => [score])), graph, 3);
    for (const [at, score] of before.values.entries()) expect(score).toBeCloseTo(after[at]!, 12);
  });
});
