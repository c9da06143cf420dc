/** The kinds of models, and what a model of a kind and a shape is made of. */
import { blockedAttention } from '../attention/blocked-attention.js';
import { hyperbolicAttention } from '../attention/hyperbolic-attention.js';
import type { AttentionKernel } from '../attention/kernel.js';
import { linearAttention } from '../attention/linear-attention.js';
import { MixtureOfExperts } from '../attention/mixture-of-experts.js';
import { MultiHeadAttention } from '../attention/multi-head.js';
import { scaledDotProduct } from '../attention/scaled-dot-product.js';
import { MemoryError } from '../errors.js';
import { VECTOR_DIMENSIONS_MAX } from '../limits.js';
import { SeededRandom } from '../seeded-random.js';
import { AttentionModel } from './attention-model.js';
import { GnnModel } from './gnn-model.js';
import { BLOCK_KEYS, EXPERTS_MAX, HEADS_MAX, HOPS_MAX, WEIGHTS_MAX, WIDTH_MAX } from './limits.js';
import type { RankingModel } from './ranking-model.js';

/** In the order of their numbers in a file; a new one goes to the end. */
export const ARCHITECTURES = [
  'multi-head',
  'linear',
  'hyperbolic',
  'experts',
  'blocked',
  'sage-mean',
  'sage-max',
  'gat',
  'gat-v2',
] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** Those that work without weights as well. */
export type AttentionKind = 'multi-head' | 'linear' | 'hyperbolic' | 'blocked';

export interface ModelShape {
  readonly architecture: Architecture;
  /** Components of the vectors that it is for. */
  readonly dimensions: number;
  /** Components of all heads together, or between two layers. */
  readonly width: number;
  /** Divide the width; 1 for `experts`, `sage-mean` and `sage-max`, which have none. */
  readonly heads: number;
  /** Experts, and those that read one row; 0 for all but `experts`. */
  readonly experts: number;
  readonly active: number;
  /** Layers of message passing; 0 for attention. */
  readonly hops: number;
}

export function isGnn(architecture: Architecture): boolean {
  return ARCHITECTURES.indexOf(architecture) >= ARCHITECTURES.indexOf('sage-mean');
}

/** The usual shape of a kind. */
export function usualShape(architecture: Architecture, dimensions: number): ModelShape {
  const hasHeads = architecture !== 'experts' && !architecture.startsWith('sage');
  const isExperts = architecture === 'experts';
  const isGraph = isGnn(architecture);
  return {
    architecture,
    dimensions,
    width: isGraph || isExperts ? 32 : 64,
    heads: hasHeads ? 4 : 1,
    experts: isExperts ? 4 : 0,
    active: isExperts ? 2 : 0,
    hops: isGraph ? 2 : 0,
  };
}

/** The reason why there is no model of this shape, or undefined. */
export function shapeProblem(shape: ModelShape): string | undefined {
  const { architecture, dimensions, width, heads, experts, active, hops } = shape;
  if (!ARCHITECTURES.includes(architecture)) {
    return `the architecture must be one of ${ARCHITECTURES.join(', ')}, not ${String(architecture)}`;
  }
  const isExperts = architecture === 'experts';
  const hasHeads = !isExperts && !architecture.startsWith('sage');
  const ranges = [
    ['dimensions', dimensions, 1, VECTOR_DIMENSIONS_MAX],
    ['width', width, 1, WIDTH_MAX],
    ['heads', heads, 1, hasHeads ? HEADS_MAX : 1],
    ['experts', experts, isExperts ? 1 : 0, isExperts ? EXPERTS_MAX : 0],
    ['active', active, isExperts ? 1 : 0, isExperts ? experts : 0],
    ['hops', hops, isGnn(architecture) ? 1 : 0, isGnn(architecture) ? HOPS_MAX : 0],
  ] as const;
  for (const [name, value, least, most] of ranges) {
    if (Number.isSafeInteger(value) && value >= least && value <= most) continue;
    return `${name} of ${architecture} must be a whole number from ${least} to ${most}, not ${value}`;
  }
  if (width % heads !== 0) return `${heads} heads do not divide a width of ${width}`;
  const weights = weightCount(shape);
  if (weights <= WEIGHTS_MAX) return undefined;
  return `${architecture} of this shape has ${weights} weights, more than ${WEIGHTS_MAX}`;
}

/** How many numbers a model of a shape is made of, without making it. */
export function weightCount(shape: ModelShape): number {
  const { architecture, dimensions, width, experts, hops } = shape;
  const map = width * dimensions;
  if (architecture === 'experts') return experts * dimensions + 2 * map + experts * 2 * map;
  if (!isGnn(architecture)) return 4 * map;
  const layer = (inputs: number): number => {
    switch (architecture) {
      case 'sage-max':
        return 2 * width * inputs + width * width + 2 * width;
      case 'gat':
        return width * inputs + 3 * width;
      case 'gat-v2':
        return 2 * width * inputs + 2 * width;
      default:
        return 2 * width * inputs + width;
    }
  };
  return layer(dimensions) + (hops - 1) * layer(width) + width;
}

/** A model as it is before training. Throws `invalid`. */
export function createModel(shape: ModelShape, seed: number): RankingModel {
  const problem = shapeProblem(shape);
  if (problem !== undefined) throw new MemoryError('invalid', problem);
  const random = new SeededRandom(seed);
  const { architecture, width, heads } = shape;
  switch (architecture) {
    case 'experts':
      return new AttentionModel(new MixtureOfExperts(shape, random));
    case 'sage-mean':
      return GnnModel.sage(shape, 'mean', random);
    case 'sage-max':
      return GnnModel.sage(shape, 'max', random);
    case 'gat':
      return GnnModel.gat(shape, 1, random);
    case 'gat-v2':
      return GnnModel.gat(shape, 2, random);
    default: {
      const kernel = kernelOf(architecture, 1 / Math.sqrt(width / heads));
      return new AttentionModel(new MultiHeadAttention(kernel, shape, random));
    }
  }
}

/** `sharpness` is the factor of hyperbolic distances; the others have their own scale. */
export function kernelOf(kind: AttentionKind, sharpness: number): AttentionKernel {
  switch (kind) {
    case 'multi-head':
      return scaledDotProduct;
    case 'linear':
      return linearAttention;
    case 'hyperbolic':
      return hyperbolicAttention(sharpness);
    case 'blocked':
      return blockedAttention(BLOCK_KEYS);
  }
}
