/**
 * Searches by mode: by vector, by text, or both lists joined; then reranking and diversity. Answers are remembered
 * until the store has applied something. What to do is told from the query alone, so that all nodes
 * that find the same lists answer alike.
 *
 *     query ── remembered? ──> hits
 *       └─> vector list ─┐
 *           text list ───┴─ fusion ─> reranking ─> diversity ─> hits
 */
import { createHash } from 'node:crypto';
import { canonicalText } from './checksums.js';
import type { Fusion, SearchHit, SearchQuery } from './engine.js';
import { MemoryError } from './errors.js';
import { CANDIDATES_MIN, REMEMBERED_HITS_MAX, SEARCH_HITS_MAX } from './limits.js';
import type { Scored } from './nearest.js';
import { checkRerank, exampleOf, rerank, type RerankSource } from './rerank/rerank.js';
import type { TrainingExample } from './rerank/training-example.js';
import { diversify, fuseByRank, fuseByWeight, RANK_CONSTANT } from './text/fusion.js';
import { QueryCache } from './text/query-cache.js';
import { tokensOf } from './text/tokenizer.js';

export type RankedHit = Scored & Pick<SearchHit, 'matchedBy' | 'rerankedBy'>;

/** What the search needs of an engine. */
export interface RankedSearchSource {
  /** The search without a mode: by vector, and by text what has no vector of the query's model. */
  readonly search: (query: SearchQuery) => RankedHit[];
  readonly appliedIndex: () => number;
  /** The text of a memory, for its words. */
  readonly textOf: (id: string) => string;
  readonly rerankFrom: RerankSource;
  /** Milliseconds of a clock that never goes back; that of the process unless given. */
  readonly nowMs?: () => number;
}

export class RankedSearch {
  readonly #source: RankedSearchSource;
  readonly #remembered: QueryCache<readonly RankedHit[]>;

  constructor(source: RankedSearchSource) {
    this.#source = source;
    this.#remembered = new QueryCache({ nowMs: source.nowMs ?? (() => performance.now()) });
  }

  /** Hits, best first, with diversity in the order of their choice. Throws `invalid`. */
  search(query: SearchQuery): readonly RankedHit[] {
    const appliedIndex = this.#source.appliedIndex();
    const key = keyOf(query);
    const remembered = this.#remembered.get(key, appliedIndex);
    if (remembered !== undefined) return remembered;
    const hits = this.#find(query);
    if (hits.length <= REMEMBERED_HITS_MAX) this.#remembered.put(key, appliedIndex, hits);
    return hits;
  }

  /** What the query finds as an example to train a reranker on. Throws `invalid`. */
  example(query: SearchQuery, relevant: readonly string[]): TrainingExample {
    const { rerank: _, diversity: __, ...plain } = query;
    const hits = this.search({ ...plain, limit: depthOf(query.limit) });
    return exampleOf(hits, query, relevant, this.#source.rerankFrom);
  }

  /** Another content is in the store. */
  clear(): void {
    this.#remembered.clear();
  }

  #find(query: SearchQuery): RankedHit[] {
    const { mode, fusion, diversity, rerank: wanted, ...plain } = query;
    checkMode(query);
    checkRerank(query);
    const { limit } = plain;
    const isWide = mode === 'hybrid' || diversity !== undefined || wanted !== undefined;
    const depth = isWide ? depthOf(limit) : limit;
    const search = (change: Partial<SearchQuery>): RankedHit[] =>
      this.#source.search({ ...plain, limit: depth, ...change });
    const byVector = (): RankedHit[] => search({ text: '' });
    const byText = (): RankedHit[] => search({ vector: null });
    let hits: RankedHit[];
    if (mode === 'hybrid') hits = fused(byVector(), byText(), fusion ?? { by: 'rank' });
    else if (mode === 'vector') hits = byVector();
    else if (mode === 'text') hits = byText();
    else hits = search({});
    if (wanted !== undefined) hits = rerank(hits, query, this.#source.rerankFrom);
    if (diversity === undefined) return hits.slice(0, limit);
    return this.#diverse(hits, diversity.lambda, limit);
  }

  #diverse(hits: readonly RankedHit[], lambda: number, limit: number): RankedHit[] {
    const words = new Map<string, ReadonlySet<string>>();
    const wordsOf = (id: string): ReadonlySet<string> => {
      let held = words.get(id);
      if (held === undefined) {
        held = new Set(tokensOf(this.#source.textOf(id)));
        words.set(id, held);
      }
      return held;
    };
    const similarity = (a: string, b: string): number => commonPart(wordsOf(a), wordsOf(b));
    return diversify(hits, { lambda, limit, similarity });
  }
}

/** Without candidates beyond those wanted there is nothing to choose from. */
function depthOf(limit: number): number {
  const isInRange = Number.isSafeInteger(limit) && limit >= 1 && limit <= SEARCH_HITS_MAX;
  // Otherwise as it is, to be refused.
  return isInRange ? Math.min(SEARCH_HITS_MAX, Math.max(CANDIDATES_MIN, 2 * limit)) : limit;
}

function checkMode({ mode, vector, fusion }: SearchQuery): void {
  if (mode !== undefined && mode !== 'vector' && mode !== 'text' && mode !== 'hybrid') {
    const sentence = `a search has the mode vector, text, hybrid or none, not ${String(mode)}`;
    throw new MemoryError('invalid', sentence);
  }
  if (vector === null && (mode === 'vector' || mode === 'hybrid')) {
    throw new MemoryError('invalid', `a search with the mode ${mode} needs a vector`);
  }
  if (fusion !== undefined && mode !== 'hybrid') {
    throw new MemoryError('invalid', 'only a search with the mode hybrid has lists to join');
  }
}

/** One list of two, with scores from 0 to 1. */
function fused(
  byVector: readonly RankedHit[],
  byText: readonly RankedHit[],
  fusion: Fusion,
): RankedHit[] {
  let joined: Scored[];
  if (fusion.by === 'rank') {
    const constant = fusion.rankConstant ?? RANK_CONSTANT;
    const most = 2 / (constant + 1);
    joined = fuseByRank([byVector, byText], constant).map(({ id, score }) => {
      return { id, score: score / most };
    });
  } else {
    const { vectorWeight } = fusion;
    joined = fuseByWeight([
      { hits: byVector, weight: vectorWeight },
      { hits: byText, weight: 1 - vectorWeight },
    ]);
  }
  const [vectorIds, textIds] = [byVector, byText].map((hits) => new Set(hits.map(({ id }) => id)));
  return joined.map((hit) => {
    const isBoth = vectorIds?.has(hit.id) === true && textIds?.has(hit.id) === true;
    const one = vectorIds?.has(hit.id) === true ? 'vector' : 'text';
    return { ...hit, matchedBy: isBoth ? 'both' : one };
  });
}

/** The part of the words of two texts that both hold (Jaccard 1901). */
function commonPart(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let common = 0;
  for (const word of a) if (b.has(word)) common += 1;
  const all = a.size + b.size - common;
  return all === 0 ? 0 : common / all;
}

/** Equal for equal queries: 256 bits of hash, since a query may be long. */
function keyOf({ vector, ...rest }: SearchQuery): string {
  const hash = createHash('sha256').update(canonicalText([rest, vector?.model ?? null]));
  if (vector !== null) {
    const { buffer, byteOffset, byteLength } = vector.values;
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('base64');
}
