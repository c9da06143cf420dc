/** A log of memories with vectors that anyone can write again from its seed. */
import { RandomStream } from '../../../sim/world/random.js';
import type { InsertMemory } from '../../../src/memory/engine.js';
import { VectorSource } from './index/vector-source.js';

export const LOG_DIMENSIONS = 32;
/** Ids that the log writes; later entries replace what earlier ones wrote. */
const IDS = 4000;

/** Entries are made once: the tests ask for the same ones again and again. */
let known:
  | { readonly seed: number; readonly centres: VectorSource; readonly entries: InsertMemory[] }
  | undefined;

/** Entry `index`: a memory with a vector near one of fifty centres, now and then without one. */
export function vectorCommand(seed: number, index: number): InsertMemory {
  if (known?.seed !== seed) {
    known = { seed, centres: new VectorSource(seed, LOG_DIMENSIONS), entries: [] };
  }
  return (known.entries[index] ??= makeEntry(seed, index, known.centres));
}

function makeEntry(seed: number, index: number, centres: VectorSource): InsertMemory {
  const random = new RandomStream(seed + index, 'entry');
  const id = `m${index <= IDS ? index : random.integer(1, IDS)}`;
  const values = centres.near(random);
  const vector = index > IDS && random.chance(0.1) ? null : { model: 'all-MiniLM-L6-v2', values };
  const content = `content ${index}`;
  return { type: 'insertMemory', id, content, metadata: {}, vector, timestampMs: index };
}

/** What the log up to `index` leaves: the vector of each memory that has one. */
export function vectorsAt(seed: number, index: number): Map<string, Float32Array> {
  const vectors = new Map<string, Float32Array>();
  for (let at = 1; at <= index; at += 1) {
    const { id, vector } = vectorCommand(seed, at);
    if (vector === null) vectors.delete(id);
    else vectors.set(id, vector.values);
  }
  return vectors;
}
