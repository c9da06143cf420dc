/** Small examples to train on, and every kind of model. */
import {
  ARCHITECTURES,
  type ModelShape,
  usualShape,
} from '../../../../src/memory/rerank/architecture.js';
import { SeededRandom } from '../../../../src/memory/seeded-random.js';
import type { TrainingExample } from '../../../../src/memory/rerank/training-example.js';

export const MODEL_NAME = 'a model';

/** A small shape of each kind. */
export const SHAPES: readonly ModelShape[] = ARCHITECTURES.map((architecture) => {
  const usual = usualShape(architecture, 6);
  return { ...usual, width: 4, heads: Math.min(usual.heads, 2) };
});

function vectorOf(random: SeededRandom, dimensions: number): Float32Array {
  return Float32Array.from({ length: dimensions }, () => 2 * random.fraction() - 1);
}

/**
 * Examples whose relevant candidates cannot be told by their cosine: those whose last component is high,
 * or, with `byEdges`, those next to a memory whose last component is high.
 */
export function examples(
  count: number,
  { seed = 1, dimensions = 6, byEdges = false } = {},
): TrainingExample[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, (): TrainingExample => {
    const candidates = Array.from({ length: 12 }, (_, at) => {
      return { id: `c${at}`, vector: vectorOf(random, dimensions) };
    });
    const around = candidates.map((_, at) => ({
      id: `n${at}`,
      vector: vectorOf(random, dimensions),
    }));
    const deciding = byEdges ? around : candidates;
    const isHigh = deciding.map(({ vector }, at) => {
      const isWanted = at % 3 === 0;
      vector[dimensions - 1] = isWanted ? 2 : -2;
      return isWanted;
    });
    const query = vectorOf(random, dimensions);
    query[dimensions - 1] = 0.3;
    return {
      query,
      candidates,
      around,
      edges: candidates.map(({ id }, at) => ({ from: id, to: `n${at}`, weight: 0.5 })),
      relevant: candidates.flatMap(({ id }, at) => (isHigh[at] === true ? [id] : [])),
    };
  });
}
