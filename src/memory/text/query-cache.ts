/** Answers to queries that were asked before, as long as nothing was written since. */
import { CACHED_QUERIES_MAX, CACHED_QUERY_AGE_MAX_MS } from './limits.js';

export interface QueryCacheOptions {
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
  /** 1,000 unless given. */
  readonly entriesMax?: number;
  /** One hour unless given. */
  readonly ageMaxMs?: number;
}

interface Entry<Answer> {
  readonly answer: Answer;
  readonly storedMs: number;
}

/**
 * The answers of one state of a store, which its applied index names: the first call with another index
 * forgets them all. Of those beyond `entriesMax` the one that was not asked for the longest time goes.
 */
export class QueryCache<Answer> {
  readonly #nowMs: () => number;
  readonly #entriesMax: number;
  readonly #ageMaxMs: number;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry<Answer>>();
  #appliedIndex = -1;

  constructor(options: QueryCacheOptions) {
    this.#nowMs = options.nowMs;
    this.#entriesMax = options.entriesMax ?? CACHED_QUERIES_MAX;
    this.#ageMaxMs = options.ageMaxMs ?? CACHED_QUERY_AGE_MAX_MS;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, appliedIndex: number): Answer | undefined {
    this.#follow(appliedIndex);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (this.#nowMs() - entry.storedMs >= this.#ageMaxMs) return undefined;
    this.#entries.set(key, entry);
    return entry.answer;
  }

  put(key: string, appliedIndex: number, answer: Answer): void {
    this.#follow(appliedIndex);
    this.#entries.delete(key);
    this.#entries.set(key, { answer, storedMs: this.#nowMs() });
    if (this.#entries.size <= this.#entriesMax) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      break;
    }
  }

  /** Forgets everything, when the content was replaced without a new applied index. */
  clear(): void {
    this.#entries.clear();
  }

  #follow(appliedIndex: number): void {
    if (appliedIndex === this.#appliedIndex) return;
    this.#entries.clear();
    this.#appliedIndex = appliedIndex;
  }
}
