/** Reranking of searches: training, files of weights, and what both are about. */
export {
  type Architecture,
  ARCHITECTURES,
  type AttentionKind,
  type ModelShape,
} from './architecture.js';
export type { Reranker } from './reranker.js';
export { trainReranker, type TrainingOptions, type TrainingProgress } from './train.js';
export type { ExampleNode, TrainingExample } from './training-example.js';
export { openReranker, saveReranker } from './weights-file.js';
