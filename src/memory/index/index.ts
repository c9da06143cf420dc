/** Nearest vectors: the index, its snapshot file, and the build of the kernel in use. */
export {
  HnswIndex,
  type HnswHit,
  type HnswOptions,
  type HnswSearchOptions,
  type LinkAllOptions,
} from './hnsw-index.js';
export { Codebook, type CodebookSettings } from './codebook.js';
export type { Codes } from './codes.js';
export type { Description, Metric } from './kernel.js';
export { detectSimd, type Rung, type Simd } from './rung.js';
export { saveSnapshot } from './snapshot-file.js';
export { openSnapshot, type OpenedSnapshot } from './snapshot-reader.js';
export { trainCodebook, type TrainingOptions } from './train-codebook.js';
