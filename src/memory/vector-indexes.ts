/** The vectors of a store. Those of different models or lengths are never compared. */
import type { ModelVector } from './engine.js';
import type { VectorIndex } from './vector-index.js';

export class VectorIndexes<Index extends VectorIndex = VectorIndex> {
  readonly #make: (dimensions: number) => Index;
  readonly #byKey = new Map<string, Index>();

  constructor(make: (dimensions: number) => Index) {
    this.#make = make;
  }

  get size(): number {
    let size = 0;
    for (const index of this.#byKey.values()) size += index.size;
    return size;
  }

  of({ model, values }: ModelVector): Index | undefined {
    return this.#byKey.get(vectorKey(model, values.length));
  }

  has(id: string): boolean {
    for (const index of this.#byKey.values()) if (index.has(id)) return true;
    return false;
  }

  /** A memory has one vector or none: what it had before goes. */
  put(id: string, vector: ModelVector | null): void {
    const own = vector === null ? undefined : vectorKey(vector.model, vector.values.length);
    for (const [key, index] of this.#byKey) if (key !== own) index.delete(id);
    if (vector === null || own === undefined) return;
    let index = this.#byKey.get(own);
    if (index === undefined) {
      index = this.#make(vector.values.length);
      this.#byKey.set(own, index);
    }
    index.put(id, vector.values);
  }

  clear(): void {
    this.#byKey.clear();
  }

  /** Puts an index in the place of the one with this key. */
  adopt(key: string, index: Index): void {
    this.#byKey.set(key, index);
  }

  entries(): IterableIterator<readonly [key: string, index: Index]> {
    return this.#byKey.entries();
  }
}

function vectorKey(model: string, dimensions: number): string {
  return `${dimensions} ${model}`;
}
