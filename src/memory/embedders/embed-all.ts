import type { Embedder } from '../engine.js';
import { BATCH_TEXTS } from './limits.js';

export interface EmbedAllOptions {
  /** Told after each round. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Texts of a round; progress is told, and `signal` looked at, between rounds. Default 64. */
  readonly roundTexts?: number;
  readonly signal?: AbortSignal;
}

/**
 * Embeds any number of texts behind those that somebody waits for, and tells how far it is.
 *
 * @throws MemoryError `embedder` of the first text that fails; what `signal` was aborted with.
 */
export async function embedAll(
  embedder: Embedder,
  texts: readonly string[],
  options: EmbedAllOptions = {},
): Promise<Float32Array[]> {
  const { onProgress, roundTexts = BATCH_TEXTS, signal } = options;
  const vectors: Float32Array[] = [];
  while (vectors.length < texts.length) {
    signal?.throwIfAborted();
    const round = texts.slice(vectors.length, vectors.length + Math.max(1, roundTexts));
    for (const vector of await embedder.embed(round, 'background')) vectors.push(vector);
    onProgress?.({ done: vectors.length, total: texts.length });
  }
  return vectors;
}
