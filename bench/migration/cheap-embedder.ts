import type { Embedder } from '../../src/memory/index.js';

const DIMENSIONS = 384;

/** Vectors that follow from the text by counting its characters: what is left is the migration itself. */
export function cheapEmbedder(): Embedder {
  return {
    model: 'counts-of-characters',
    dimensions: DIMENSIONS,
    embed: async (texts) =>
      texts.map((text) => {
        const vector = new Float32Array(DIMENSIONS);
        for (let at = 0; at < text.length; at += 1) {
          const slot = (text.charCodeAt(at) * 31 + at) % DIMENSIONS;
          vector[slot] = (vector[slot] ?? 0) + 1;
        }
        vector[0] = (vector[0] ?? 0) + 1;
        return vector;
      }),
    close: async () => undefined,
  };
}
