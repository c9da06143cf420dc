/** The one embedder of this layer in a process: MiniLM, the model of a migrated store. */
import { createMiniLmEmbedder, type MiniLmEmbedder } from '../memory/embedder.js';
import type { Embedder } from '../memory/engine.js';
import { embedAll } from '../memory/embedders/embed-all.js';

let embedder: MiniLmEmbedder | undefined;
let replaced: Embedder | undefined;

/** Another embedder of the same model, for tests; undefined: MiniLM again. */
export function useEmbedder(other: Embedder | undefined): void {
  replaced = other;
}

/** Vectors of texts, 384 components each. Throws `embedder` if the model cannot work: nothing is made up. */
export async function embedTexts(
  texts: readonly string[],
  priority: 'interactive' | 'background' = 'interactive',
): Promise<Float32Array[]> {
  if (texts.length === 0) return [];
  embedder ??= replaced === undefined ? createMiniLmEmbedder() : undefined;
  const used = replaced ?? (embedder as Embedder);
  return texts.length === 1 || priority === 'interactive'
    ? used.embed(texts, priority)
    : embedAll(used, texts);
}
