/** Memory engines, embeddings, staging and validation. */
export { commandProblem, embeddingText, textHash } from './command.js';
export { createMiniLmEmbedder, type MiniLmEmbedder, type MiniLmOptions } from './embedder.js';
export {
  createEmbedder,
  type EmbedderOptions,
  type EmbedFunction,
} from './embedders/batching-embedder.js';
export { embedAll, type EmbedAllOptions } from './embedders/embed-all.js';
export { createHttpEmbedder, type HttpEmbedderOptions } from './embedders/http-embedder.js';
export type * from './engine.js';
export { MemoryError, type MemoryErrorCode } from './errors.js';
export * from './graph/index.js';
export { DEFAULT_NAMESPACE, memoryKey, type NamespacedId, parseMemoryKey } from './memory-key.js';
export { MODEL_DIMENSIONS, MODEL_NAME } from './model.js';
export { type QuarantineReason, REASON_TEXTS } from './quarantine.js';
export * from './rerank/index.js';
export { keepVectors } from './made-vectors.js';
export { stageV2, type StageOptions, type StageProgress, type StageResult } from './stage.js';
export * from './store/index.js';
export * from './text/index.js';
export { openV1Engine, type V1Engine } from './v1-engine.js';
export { openV2Engine, type V2Engine } from './v2-engine.js';
export {
  countShortfalls,
  shortfallSentences,
  V1_HAS_NO_FORM_FOR,
  type V1Shortfalls,
} from './v1-shortfalls.js';
export {
  type TableCount,
  validateStores,
  type ValidationOptions,
  type ValidationReport,
} from './validate.js';
