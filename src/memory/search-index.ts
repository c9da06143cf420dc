/**
 * The search of both engines: memories with a vector of the query's model by cosine, all others by
 * BM25. Built when first asked, then kept up to date.
 */
import { embeddingText } from './command.js';
import type { MemoryCommand, ModelVector, SearchQuery } from './engine.js';
import { MemoryError } from './errors.js';
import { SEARCH_HITS_MAX } from './limits.js';
import { type Filtered, hasCondition, MetadataIndex } from './metadata-index.js';
import { byScore } from './nearest.js';
import type { RankedHit } from './ranked-search.js';
import type { TextIndex } from './text/text-index.js';
import type { VectorIndex } from './vector-index.js';
import type { VectorIndexes } from './vector-indexes.js';
import { WordIndex } from './word-index.js';

/** Where the index reads the store from when it is built. */
export interface SearchSource<Index extends VectorIndex = VectorIndex> {
  memoryCount(): number;
  texts(): Iterable<readonly [id: string, text: string]>;
  /** An index of all texts that was kept, where there is one. */
  keptWords?(): TextIndex | undefined;
  /** What filters look at. */
  filtered(): Iterable<Filtered>;
  /** No vectors yet. */
  emptyIndexes(): VectorIndexes<Index>;
  /** Puts all vectors of the store in, in steps; what is put between two steps may be put again. */
  loadVectors(indexes: VectorIndexes<Index>): Generator<undefined, void>;
}

export class SearchIndex<Index extends VectorIndex = VectorIndex> {
  readonly #source: SearchSource<Index>;
  #vectors: VectorIndexes<Index> | undefined;
  /** Left of it while the vectors are being read. */
  #loading: Generator<undefined, void> | undefined;
  #words: WordIndex | undefined;
  /** Built by the first search with a filter. */
  #metadata: MetadataIndex | undefined;
  #memoryCount: number | undefined;

  constructor(source: SearchSource<Index>) {
    this.#source = source;
  }

  /** Follows a memory that was committed. */
  put(memory: Filtered, text: string, vector: ModelVector | null): void {
    const { id } = memory;
    this.#words?.put(id, text);
    this.#metadata?.put(memory);
    this.#memoryCount = undefined;
    this.#vectors?.put(id, vector);
  }

  /** What a command that was applied changes of the index. */
  follow(command: MemoryCommand): void {
    if (command.type === 'insertMemory') {
      const { content, metadata, vector, timestampMs: createdAtMs } = command;
      this.put({ ...command, createdAtMs }, embeddingText(content, metadata), vector);
    } else if (command.type === 'deleteMemory' || command.type === 'expireMemory') {
      this.#words?.delete(command.id);
      this.#metadata?.delete(command.id);
      this.#memoryCount = undefined;
      this.#vectors?.put(command.id, null);
    }
  }

  /** Forgets everything; the next search builds anew. */
  clear(): void {
    this.#loading?.return();
    this.#loading = undefined;
    this.#vectors = undefined;
    this.#words = undefined;
    this.#metadata = undefined;
    this.#memoryCount = undefined;
  }

  /** The vectors, once all have been read. */
  get vectors(): VectorIndexes<Index> | undefined {
    return this.#loading === undefined ? this.#vectors : undefined;
  }

  /** The index of words, once it was needed. */
  get words(): TextIndex | undefined {
    return this.#words?.index;
  }

  /** Reads the next of the vectors. True if there are more. */
  loadNext(): boolean {
    if (this.#vectors === undefined) {
      this.#vectors = this.#source.emptyIndexes();
      this.#loading = this.#source.loadVectors(this.#vectors);
    }
    if (this.#loading === undefined) return false;
    try {
      if (this.#loading.next().done !== true) return true;
    } catch (error) {
      this.clear();
      throw error;
    }
    this.#loading = undefined;
    return false;
  }

  /** Hits, best first. Throws `invalid` if the limit is out of range or the filter is none. */
  search({ text, vector, limit, ...conditions }: SearchQuery): RankedHit[] {
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > SEARCH_HITS_MAX) {
      throw new MemoryError('invalid', `a search takes 1 to ${SEARCH_HITS_MAX} hits, not ${limit}`);
    }
    const allowed = hasCondition(conditions)
      ? this.#metadataIndex().allowed(conditions)
      : undefined;
    const index = vector === null ? undefined : this.#vectorIndexes().of(vector);
    const hits: RankedHit[] = [];
    if (vector !== null && index !== undefined) {
      for (const hit of index.search(vector.values, limit, allowed)) {
        hits.push({ ...hit, matchedBy: 'vector' });
      }
    }
    // With a vector for every memory, or without a text, the word index need not exist.
    if (text !== '' && (index === undefined || index.size < this.#countMemories())) {
      const skip = (id: string): boolean => index?.has(id) === true || allowed?.has(id) === false;
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

  #vectorIndexes(): VectorIndexes<Index> {
    while (this.loadNext());
    return this.vectors!;
  }

  #metadataIndex(): MetadataIndex {
    if (this.#metadata === undefined) {
      this.#metadata = new MetadataIndex();
      for (const memory of this.#source.filtered()) this.#metadata.put(memory);
    }
    return this.#metadata;
  }

  #wordIndex(): WordIndex {
    if (this.#words === undefined) {
      const kept = this.#source.keptWords?.();
      if (kept !== undefined) return (this.#words = new WordIndex(kept));
      this.#words = new WordIndex();
      for (const [id, text] of this.#source.texts()) this.#words.put(id, text);
    }
    return this.#words;
  }
}
