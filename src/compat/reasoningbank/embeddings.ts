/** v1's `computeEmbedding`: the vector of a text, by MiniLM. v1 made up a hash when the model was missing. */
import { embedTexts } from '../embedding.js';
import { loadConfig } from './config.js';
import { EMBEDDINGS_REMEMBERED_MAX } from './limits.js';

interface Remembered {
  readonly vector: Promise<Float32Array>;
  readonly untilMs: number;
}

const cache = new Map<string, Remembered>();
/** Vectors that this process made of a text, so that storing one need not make it again. */
const made = new WeakSet<Float32Array>();

/** 384 components of length 1. Throws `embedder` if the model cannot work. */
export async function computeEmbedding(text: string): Promise<Float32Array> {
  const found = cache.get(text);
  if (found !== undefined && found.untilMs > Date.now()) return found.vector;
  const vector = embedOne(text);
  const { cache_ttl_seconds: ttl } = loadConfig().embeddings;
  cache.set(text, { vector, untilMs: Date.now() + (ttl || 3600) * 1000 });
  const oldest = cache.keys().next().value;
  if (cache.size > EMBEDDINGS_REMEMBERED_MAX && oldest !== undefined) cache.delete(oldest);
  try {
    return await vector;
  } catch (error) {
    cache.delete(text);
    throw error;
  }
}

async function embedOne(text: string): Promise<Float32Array> {
  const [vector] = await embedTexts([text]);
  if (vector === undefined) throw new Error('assertion failed: a text gets a vector');
  made.add(vector);
  return vector;
}

/** True for what `computeEmbedding` gave, as it gave it. */
export function isOfModel(vector: unknown): vector is Float32Array {
  return vector instanceof Float32Array && made.has(vector);
}

export function clearEmbeddingCache(): void {
  cache.clear();
}
