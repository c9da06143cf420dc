/** Models as a whole: what they give before training, their gradients, and what they learn. */
import { describe, expect, it } from 'vitest';

import { dot, rowOf } from '../../../../src/memory/neural/matrix.js';
import { SeededRandom } from '../../../../src/memory/seeded-random.js';
import {
  createModel,
  type ModelShape,
  shapeProblem,
  usualShape,
  weightCount,
} from '../../../../src/memory/rerank/architecture.js';
import type { RankingInput } from '../../../../src/memory/rerank/ranking-model.js';
import type { Reranker } from '../../../../src/memory/rerank/reranker.js';
import { trainReranker, type TrainingOptions } from '../../../../src/memory/rerank/train.js';
import { prepare, type TrainingExample } from '../../../../src/memory/rerank/training-example.js';
import { matrixOf } from '../../../../src/memory/neural/matrix.js';
import { expectGradients, seedOf } from '../neural/support.js';
import { examples, MODEL_NAME, SHAPES } from './support.js';

const named = SHAPES.map((shape) => [shape.architecture, shape] as const);

function inputOf(seed: number): RankingInput {
  return prepare(examples(1, { seed })[0]!, true).input;
}

describe.each(named)('a model %s', (_name, shape) => {
  it('gives the cosine before training', () => {
    const input = inputOf(seedOf());
    const { scores } = createModel(shape, 1).forward(input);
    expect(scores).toHaveLength(12);
    for (const [at, score] of scores.entries()) {
      expect(score).toBeCloseTo(dot(input.query, rowOf(input.nodes, at)), 12);
    }
  });

  it('has as many weights as its shape says', () => {
    for (const hops of shape.hops === 0 ? [0] : [1, 2, 3]) {
      const changed = { ...shape, hops };
      const { parameters } = createModel(changed, 1);
      const count = parameters.reduce((sum, { values }) => sum + values.length, 0);
      expect(weightCount(changed)).toBe(count);
    }
  });

  it('has the gradients that differences show', () => {
    const seed = seedOf();
    const random = new SeededRandom(seed);
    const model = createModel(shape, seed);
    for (const { values } of model.parameters) {
      for (let i = 0; i < values.length; i += 1) values[i]! += 0.5 * (random.fraction() - 0.5);
    }
    const input = inputOf(seed);
    const slopes = Float64Array.from({ length: 12 }, () => random.fraction() - 0.5);
    model.forward(input).backward(slopes);
    // What the gates of the experts lose for being unequal is not in the scores.
    if (shape.architecture === 'experts') return;
    expectGradients(
      model.parameters,
      () => ({ output: { rows: 1, columns: 12, values: model.forward(input).scores } }),
      { rows: 1, columns: 12, values: slopes },
      model.parameters.map(({ gradient }) => gradient),
    );
  });

  it('learns what no cosine tells', async () => {
    const isGraph = shape.hops > 0;
    const losses: number[] = [];
    const options = {
      architecture: shape.architecture,
      model: MODEL_NAME,
      examples: examples(60, { byEdges: isGraph }),
      epochs: 30,
      rate: 0.02,
      shape: partOf(shape),
      onProgress: ({ loss }: { loss: number }) => losses.push(loss),
    };
    const reranker = await trainReranker(options);
    expect(losses).toHaveLength(30);
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!);
    // On examples that it has not seen the wanted four of twelve come first more often.
    const unseen = examples(40, { seed: 99, byEdges: isGraph });
    const plain = createModel(shape, 1);
    const before = precisionOf(unseen, (input) => plain.forward(input).scores);
    const after = precisionOf(unseen, (input) => reranker.scores(input));
    expect(after).toBeGreaterThan(before + 0.2);
  });
});

function partOf({ width, heads, experts, active, hops }: ModelShape): Partial<ModelShape> {
  return { width, heads, experts, active, hops };
}

/** The part of the first four that is wanted. */
function precisionOf(
  from: readonly TrainingExample[],
  score: (input: RankingInput) => Float64Array,
): number {
  const parts = from.map((example) => {
    const { input, isRelevant } = prepare(example, true);
    const scores = score(input);
    const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!);
    return order.slice(0, 4).filter((at) => isRelevant[at]).length / 4;
  });
  return parts.reduce((sum, part) => sum + part, 0) / parts.length;
}

const usual: TrainingOptions = {
  architecture: 'sage-mean',
  model: MODEL_NAME,
  examples: examples(10),
  epochs: 2,
};

describe('training', () => {
  it('gives equal weights for equal seeds, and others for others', async () => {
    const train = (seed: number): Promise<Reranker> => trainReranker({ ...usual, seed });
    const [first, again, other] = [await train(3), await train(3), await train(4)];
    expect(again.id).toBe(first.id);
    expect(again.weights()).toEqual(first.weights());
    expect(other.id).not.toBe(first.id);
    const pairwise = await trainReranker({ ...usual, seed: 3, loss: 'pairwise' });
    expect(pairwise.id).not.toBe(first.id);
  });

  it('leaves the examples as they are, and passes over those that teach nothing', async () => {
    const given = examples(4);
    const none = { ...given[0]!, relevant: ['elsewhere'] };
    const all = { ...given[1]!, relevant: given[1]!.candidates.map(({ id }) => id) };
    const before = structuredClone([none, all, ...given]);
    const counts: number[] = [];
    await trainReranker({
      ...usual,
      examples: [none, all, ...given],
      onProgress: (progress) => counts.push(progress.examples),
    });
    expect([none, all, ...given]).toEqual(before);
    expect(counts).toEqual([4, 4]);
  });

  it('lets the event loop go on, and stops when it is told to', async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    await trainReranker({ ...usual, examples: examples(60, { dimensions: 100 }), epochs: 6 });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
    const stop = new AbortController();
    const training = trainReranker({ ...usual, epochs: 1000, signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 20);
    await expect(training).rejects.toThrow('enough');
  });

  const good = examples(2);
  const bad = (change: Partial<TrainingExample>): Partial<TrainingOptions> => {
    return { examples: [good[0]!, { ...good[1]!, ...change }] };
  };
  const { candidates } = good[1]!;
  it.each([
    [{ architecture: 'magic' as 'gat' }, /architecture must be one of .*, not magic/],
    [{ examples: [] }, /nothing to learn/],
    [{ examples: [{ ...good[0]!, relevant: [] }] }, /nothing to learn/],
    [{ seed: 0.5 }, /seed must be a whole number, not 0.5/],
    [{ epochs: 0 }, /epochs must be a whole number from 1 to 1000, not 0/],
    [{ epochs: Number.NaN }, /epochs/],
    [{ batch: -1 }, /batch/],
    [{ rate: 0 }, /rate must be above 0/],
    [{ decay: 2 }, /decay/],
    [{ loss: 'wrong' as 'listwise' }, /loss is listwise or pairwise, not wrong/],
    [{ shape: { width: 0 } }, /width of sage-mean must be a whole number from 1 to 512, not 0/],
    [{ shape: { hops: 4 } }, /hops of sage-mean .* 1 to 3, not 4/],
    [{ shape: { heads: 2 } }, /heads of sage-mean .* 1 to 1, not 2/],
    [{ architecture: 'gat', shape: { heads: 5 } }, /5 heads do not divide a width of 32/],
    [{ architecture: 'experts', shape: { active: 5 } }, /active of experts .* 1 to 4, not 5/],
    [bad({ query: new Float32Array(5) }), /example 1 has a vector of 5 components instead of 6/],
    [bad({ query: new Float32Array(6).fill(Number.NaN) }), /example 1 has a vector with a value/],
    [bad({ candidates: [...candidates, candidates[0]!] }), /two memories with one id/],
    [bad({ edges: [{ from: 'c0', to: 'nobody' }] }), /edge from c0 to nobody/],
    [bad({ edges: [{ from: 'c0', to: 'c1', weight: 2 }] }), /weight 2, not 0 to 1/],
    [
      bad({ edges: Array.from({ length: 65_537 }, () => ({ from: 'c0', to: 'c1' })) }),
      /65537 edges/,
    ],
  ] as readonly (readonly [Partial<TrainingOptions>, RegExp])[])(
    'refuses %#',
    async (change, sentence) => {
      const training = trainReranker({ ...usual, ...change });
      await expect(training).rejects.toThrow(sentence);
      await expect(training).rejects.toMatchObject({ code: 'invalid' });
    },
  );

  it('has a bound on the weights, whatever the parts of a shape may be', () => {
    const shape = usualShape('experts', 4096);
    expect(shapeProblem(shape)).toBeUndefined();
    const large = { ...shape, width: 512, experts: 32, active: 32 };
    expect(shapeProblem(large)).toMatch(/weights, more than 8000000/);
  });

  it('takes vectors without a direction', async () => {
    const given = examples(3);
    given[0]!.candidates[0]!.vector.fill(0);
    given[1]!.query.fill(0);
    for (const { architecture } of SHAPES) {
      const reranker = await trainReranker({ ...usual, architecture, examples: given });
      expect(reranker.weights().every(Number.isFinite)).toBe(true);
    }
  });

  it('does not depend on where a candidate stands in the list', async () => {
    for (const { architecture } of SHAPES) {
      const reranker = await trainReranker({ ...usual, architecture, epochs: 1, rate: 0.01 });
      const { input } = prepare(examples(1, { seed: 5 })[0]!, false);
      const order = [...Array(12).keys()].reverse();
      const moved = {
        ...input,
        nodes: matrixOf(order.map((at) => rowOf(input.nodes, at))),
      };
      const [here, there] = [reranker.scores(input), reranker.scores(moved)];
      for (const [at, from] of order.entries()) expect(there[at]).toBeCloseTo(here[from]!, 10);
    }
  });
});
