import type { Embedder } from '../engine.js';
import { BATCH_TEXTS, ROUNDS_UNDER_WAY } from './limits.js';

export interface EmbedAllOptions {
  /** Told after each round. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Texts of a round; progress is told, and `signal` looked at, after each. Default 64. */
  readonly roundTexts?: number;
  /** Rounds that the embedder has at a time, so that none of its workers waits. Default 4. */
  readonly roundsUnderWay?: number;
  readonly signal?: AbortSignal;
}

/**
 * Embeds any number of texts behind those that somebody waits for, and tells how far it is. The
 * embedder never has more than the texts of a few rounds, however many there are.
 *
 * @throws MemoryError `embedder` of a text that fails; what `signal` was aborted with.
 */
export async function embedAll(
  embedder: Embedder,
  texts: readonly string[],
  options: EmbedAllOptions = {},
): Promise<Float32Array[]> {
  const { onProgress, signal } = options;
  const roundTexts = Math.max(1, options.roundTexts ?? BATCH_TEXTS);
  const lanes = Math.max(1, options.roundsUnderWay ?? ROUNDS_UNDER_WAY);
  const vectors: Float32Array[] = Array.from({ length: texts.length });
  const state = { taken: 0, done: 0, isOver: false };
  /** Takes round after round until there is none left. */
  const lane = async (): Promise<void> => {
    while (state.taken < texts.length && !state.isOver) {
      signal?.throwIfAborted();
      const first = state.taken;
      const round = texts.slice(first, first + roundTexts);
      state.taken += round.length;
      const made = await embedder.embed(round, 'background');
      signal?.throwIfAborted();
      for (const [at, vector] of made.entries()) vectors[first + at] = vector;
      state.done += round.length;
      if (!state.isOver) onProgress?.({ done: state.done, total: texts.length });
    }
  };
  try {
    await Promise.all(Array.from({ length: lanes }, lane));
  } finally {
    state.isOver = true;
  }
  return vectors;
}
