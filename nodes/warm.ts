import type { Embedder } from '../src/memory/engine.js';
import { messageOf } from './errors.js';

/** A node that serves before its model is loaded would let its first clients wait for that. */
export async function warm(embedder: Embedder, log: (message: string) => void): Promise<void> {
  try {
    await embedder.embed(['warm']);
  } catch (error) {
    log(`the embedding model does not start: ${messageOf(error)}`);
  }
}
