/** Text search: the index, its file, and what is done with ranked lists. */
export { B, inverseDocumentFrequency, K1 } from './bm25.js';
export {
  diversify,
  type DiversityOptions,
  fuseByRank,
  fuseByWeight,
  RANK_CONSTANT,
  type WeightedList,
} from './fusion.js';
export { QueryCache, type QueryCacheOptions } from './query-cache.js';
export {
  openTextIndex,
  openTextIndexInSteps,
  type OpenedTextIndex,
  saveTextIndex,
} from './text-file.js';
export { TextIndex, type TextIndexCounts, type TextSearchOptions } from './text-index.js';
export { tokensOf } from './tokenizer.js';
