/**
 * The search of both engines: memories with a vector of the query's model by cosine, all others by
 * the share of the query's words that they hold. Built when first asked, then kept up to date.
 */
import type { ModelVector, SearchHit, SearchQuery } from './engine.js';
import { MemoryError } from './errors.js';
import { SEARCH_HITS_MAX } from './limits.js';
import { byScore, type Scored } from './nearest.js';
import { ExactVectorIndex, type VectorIndex } from './vector-index.js';
import { WordIndex } from './word-index.js';

/** Where the index reads the store from when it is built. */
export interface SearchSource {
  memoryCount(): number;
  texts(): Iterable<readonly [id: string, text: string]>;
  vectors(): Iterable<readonly [id: string, vector: ModelVector]>;
}

export type RankedHit = Scored & Pick<SearchHit, 'matchedBy'>;

export class SearchIndex {
  readonly #source: SearchSource;
  /** Vectors of different models, or of one model in different lengths, are never compared. */
  #vectors: Map<string, VectorIndex> | undefined;
  #words: WordIndex | undefined;
  #memoryCount: number | undefined;

  constructor(source: SearchSource) {
    this.#source = source;
  }

  /** Follows a memory that was committed. */
  put(id: string, text: string, vector: ModelVector | null): void {
    this.#words?.put(id, text);
    this.#memoryCount = undefined;
    if (this.#vectors === undefined) return;
    for (const index of this.#vectors.values()) index.delete(id);
    if (vector !== null) indexOf(this.#vectors, vector).put(id, vector.values);
  }

  /** Forgets everything; the next search builds anew. */
  clear(): void {
    this.#vectors = undefined;
    this.#words = undefined;
    this.#memoryCount = undefined;
  }

  /** Hits, best first. Throws `invalid` if the limit is out of range. */
  search({ text, vector, limit }: SearchQuery): RankedHit[] {
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > SEARCH_HITS_MAX) {
      throw new MemoryError('invalid', `a search takes 1 to ${SEARCH_HITS_MAX} hits, not ${limit}`);
    }
    const index = vector === null ? undefined : this.#vectorIndexes().get(keyOf(vector));
    const hits: RankedHit[] = [];
    if (vector !== null && index !== undefined) {
      for (const hit of index.search(vector.values, limit)) {
        hits.push({ ...hit, matchedBy: 'vector' });
      }
    }
    // With a vector for every memory no word can matter, and the word index need not exist.
    if (index === undefined || index.size < this.#countMemories()) {
      const skip = (id: string): boolean => index?.has(id) ?? false;
      for (const hit of this.#wordIndex().search(text, limit, skip)) {
        hits.push({ ...hit, matchedBy: 'text' });
      }
    }
    return hits.sort(byScore).slice(0, limit);
  }

  #countMemories(): number {
    this.#memoryCount ??= this.#source.memoryCount();
    return this.#memoryCount;
  }

  #vectorIndexes(): Map<string, VectorIndex> {
    if (this.#vectors === undefined) {
      this.#vectors = new Map();
      for (const [id, vector] of this.#source.vectors()) {
        indexOf(this.#vectors, vector).put(id, vector.values);
      }
    }
    return this.#vectors;
  }

  #wordIndex(): WordIndex {
    if (this.#words === undefined) {
      this.#words = new WordIndex();
      for (const [id, text] of this.#source.texts()) this.#words.put(id, text);
    }
    return this.#words;
  }
}

function keyOf({ model, values }: ModelVector): string {
  return `${values.length} ${model}`;
}

function indexOf(indexes: Map<string, VectorIndex>, vector: ModelVector): VectorIndex {
  const key = keyOf(vector);
  let index = indexes.get(key);
  if (index === undefined) {
    index = new ExactVectorIndex(vector.values.length);
    indexes.set(key, index);
  }
  return index;
}
