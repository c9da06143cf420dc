/**
 * An index of texts that answers queries by BM25.
 *
 *     put ──> recent documents ──full──> segment ─┐
 *                                        segment ─┼── merge, a piece with each put ──> segment
 *     delete ──> marks in any of them    segment ─┘
 *
 * Scores are those of the documents that are there now: deleted ones count for nothing from the moment
 * they are deleted, and neither the order of the writes nor the state of the merges shows in an answer.
 */
import { assert, MemoryError } from '../errors.js';
import { SEARCH_HITS_MAX } from '../limits.js';
import { Nearest, type Scored } from '../nearest.js';
import { type Collection, TermWeight, UNITS_PER_ONE } from './bm25.js';
import { Cursor } from './cursor.js';
import {
  DEAD_PART_MAX,
  DOCUMENTS_MAX,
  MERGE_PACE_POSTINGS,
  MERGE_STEP_POSTINGS,
  RECENT_POSTINGS_MAX,
  SEGMENTS_PER_TIER,
  WINDOW_DOCUMENTS,
} from './limits.js';
import { mergeSegments } from './merge.js';
import { type Collector, PrunedSearch } from './pruned-search.js';
import { RecentDocuments } from './recent-documents.js';
import { NOT_FOUND, type Segment } from './segment.js';
import { queryTerms, tokensOf } from './tokenizer.js';

export interface TextSearchOptions {
  /** 1 to 1,000. */
  readonly limit: number;
  /** Documents for which it is false are left out; their words count for the frequencies all the same. */
  readonly accept?: (id: string) => boolean;
  /** Reads every posting of the query's terms: the same answer, to compare the time. */
  readonly isExhaustive?: boolean;
}

export interface TextIndexCounts {
  readonly documents: number;
  readonly tokens: number;
  readonly segments: number;
  /** Postings in segments and recent documents, those of deleted documents among them. */
  readonly postings: number;
}

interface Merge {
  /** Place of the first of its segments, and how many there are. */
  readonly first: number;
  readonly count: number;
  readonly steps: Generator<undefined, Segment | undefined>;
  /** Documents of these segments that were deleted since it began. */
  readonly deleted: number[];
}

export class TextIndex {
  /** By ascending numbers of their documents. */
  readonly #segments: Segment[] = [];
  #recent = new RecentDocuments();
  readonly #numbers = new Map<string, number>();
  #nextNumber = 0;
  #tokens = 0;
  #merge: Merge | undefined;
  /** Postings that a merge owes for what was put. */
  #owedPostings = 0;
  readonly #scores = new Float64Array(WINDOW_DOCUMENTS);

  /** An index of the documents of one segment, which has lost none. */
  static of(segment: Segment): TextIndex {
    const index = new TextIndex();
    const { ids, numbers, lengths } = segment.documents;
    index.#segments.push(segment);
    for (const [slot, id] of ids.entries()) {
      index.#numbers.set(id, numbers[slot]!);
      index.#tokens += lengths[slot]!;
    }
    index.#nextNumber = numbers.at(-1)! + 1;
    return index;
  }

  /** Documents. */
  get size(): number {
    return this.#numbers.size;
  }

  has(id: string): boolean {
    return this.#numbers.has(id);
  }

  counts(): TextIndexCounts {
    const postings = this.#segments.reduce((sum, { postingCount }) => sum + postingCount, 0);
    return {
      documents: this.size,
      tokens: this.#tokens,
      segments: this.#segments.length,
      postings: postings + this.#recent.postingCount,
    };
  }

  /** Adds a document or replaces the one with the same id. Throws `invalid`. */
  put(id: string, text: string): void {
    if (!this.delete(id) && this.size >= DOCUMENTS_MAX) {
      const sentence = `a text index holds up to ${DOCUMENTS_MAX} documents; delete some first`;
      throw new MemoryError('invalid', sentence);
    }
    const tokens = tokensOf(text);
    this.#numbers.set(id, this.#nextNumber);
    this.#recent.add(id, this.#nextNumber, tokens);
    this.#nextNumber += 1;
    this.#tokens += tokens.length;
    if (this.#recent.isFull) this.#flush();
    this.#keepPace(tokens.length);
  }

  /** Removes a document. False if there is none of this id. */
  delete(id: string): boolean {
    const number = this.#numbers.get(id);
    if (number === undefined) return false;
    this.#numbers.delete(id);
    this.#tokens -= this.#recent.delete(number) ?? this.#deleteFromSegment(number);
    return true;
  }

  /**
   * The documents that hold any of the query's words, best first, equal scores by id. A score is a sum
   * over the words and has no upper bound of its own; see `ceilingOf`. Throws `invalid`.
   */
  search(text: string, { limit, accept, isExhaustive }: TextSearchOptions): Scored[] {
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > SEARCH_HITS_MAX) {
      throw new MemoryError('invalid', `a search takes 1 to ${SEARCH_HITS_MAX} hits, not ${limit}`);
    }
    const best = new Best(limit, accept);
    const weights = this.#weightsOf(queryTerms(text));
    this.#searchRecent(weights, best);
    for (const segment of this.#segments) {
      const cursors: Cursor[] = [];
      for (const [term, weight] of weights) {
        const place = segment.termOf(term);
        if (place !== NOT_FOUND) cursors.push(new Cursor(segment, place, weight));
      }
      if (cursors.length === 0) continue;
      new PrunedSearch(segment, cursors, best, this.#scores, isExhaustive ?? false).run();
    }
    return best.list();
  }

  /** What no score of this query can exceed: what all of its words are worth. */
  ceilingOf(text: string): number {
    let units = 0;
    for (const weight of this.#weightsOf(queryTerms(text)).values()) units += weight.ceiling;
    return units / UNITS_PER_ONE;
  }

  /**
   * Makes one segment of all, without what was deleted, in short steps between which the index may be
   * read and written; what is put meanwhile stays beside it.
   */
  *compactInSteps(): Generator<undefined, void> {
    this.#flush();
    const [first] = this.#segments;
    const isCompact = this.#segments.length < 2 && first?.liveCount === first?.slotCount;
    if (isCompact) return;
    this.#merge = this.#mergeOf(0, this.#segments.length);
    for (const begun = this.#merge; this.#merge === begun;) {
      this.#stepMerge();
      yield;
    }
  }

  /** All documents as one segment; undefined if there are none. */
  compacted(): Segment | undefined {
    for (const _ of this.compactInSteps());
    assert(this.#segments.length < 2, 'a compact index is one segment');
    return this.#segments[0];
  }

  #weightsOf(terms: readonly string[]): Map<string, TermWeight> {
    const collection: Collection = { documents: this.size, tokens: this.#tokens };
    const weights = new Map<string, TermWeight>();
    for (const term of terms) {
      let holding = this.#recent.holding(term);
      for (const segment of this.#segments) {
        const place = segment.termOf(term);
        if (place !== NOT_FOUND) holding += segment.holding[place]!;
      }
      weights.set(term, new TermWeight(collection, holding));
    }
    return weights;
  }

  #searchRecent(weights: ReadonlyMap<string, TermWeight>, best: Best): void {
    const sums = this.#scores;
    for (const [term, weight] of weights) {
      this.#recent.score(term, (count, length) => weight.units(count, length), sums);
    }
    for (let slot = 0; slot < this.#recent.slotCount; slot += 1) {
      const units = sums[slot]!;
      if (units === 0) continue;
      sums[slot] = 0;
      const id = this.#recent.idOf(slot);
      if (id !== undefined && units >= best.floor) best.offer(id, units);
    }
  }

  #deleteFromSegment(number: number): number {
    let [low, high] = [0, this.#segments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#segments[middle]!.firstNumber <= number) low = middle + 1;
      else high = middle;
    }
    const place = low - 1;
    const segment = this.#segments[place];
    const slot = segment?.slotOf(number) ?? NOT_FOUND;
    assert(segment !== undefined && slot !== NOT_FOUND, 'each number is in one segment');
    segment.delete(slot);
    const merge = this.#merge;
    if (merge !== undefined && place >= merge.first && place < merge.first + merge.count) {
      merge.deleted.push(number);
    }
    if (merge === undefined && isMostlyDead(segment)) this.#beginMerge();
    this.#keepPace(segment.termStarts[slot + 1]! - segment.termStarts[slot]!);
    return segment.documents.lengths[slot]!;
  }

  #flush(): void {
    const segment = this.#recent.toSegment();
    this.#recent = new RecentDocuments();
    if (segment !== undefined) this.#segments.push(segment);
    this.#beginMerge();
  }

  /** Begins the merge that is most wanted, if any is and none is under way. */
  #beginMerge(): void {
    if (this.#merge !== undefined) return;
    const tiers = this.#segments.map(tierOf);
    const highest = Math.max(-1, ...tiers);
    for (let tier = 0; tier <= highest; tier += 1) {
      const first = tiers.findLastIndex((other) => other > tier) + 1;
      const run = tiers.slice(first);
      if (run.filter((other) => other === tier).length < SEGMENTS_PER_TIER) continue;
      this.#merge = this.#mergeOf(first, run.length);
      return;
    }
    const first = this.#segments.findIndex(isMostlyDead);
    if (first >= 0) this.#merge = this.#mergeOf(first, 1);
  }

  #mergeOf(first: number, count: number): Merge {
    const steps = mergeSegments(this.#segments.slice(first, first + count));
    return { first, count, steps, deleted: [] };
  }

  #keepPace(postings: number): void {
    if (this.#merge === undefined) return;
    this.#owedPostings += postings * MERGE_PACE_POSTINGS;
    while (this.#merge !== undefined && this.#owedPostings >= MERGE_STEP_POSTINGS) {
      this.#owedPostings -= MERGE_STEP_POSTINGS;
      this.#stepMerge();
    }
  }

  #stepMerge(): void {
    const merge = this.#merge;
    assert(merge !== undefined, 'a merge is under way');
    const step = merge.steps.next();
    if (step.done !== true) return;
    const merged = step.value;
    for (const number of merge.deleted) {
      const slot = merged?.slotOf(number) ?? NOT_FOUND;
      // What was deleted before the first step is not in the result.
      if (merged !== undefined && slot !== NOT_FOUND) merged.delete(slot);
    }
    this.#segments.splice(merge.first, merge.count, ...(merged === undefined ? [] : [merged]));
    this.#merge = undefined;
    this.#beginMerge();
  }
}

/** Segments of one tier differ in size by a factor of four at most. */
function tierOf({ postingCount }: Segment): number {
  const ratio = Math.max(1, postingCount / RECENT_POSTINGS_MAX);
  return Math.floor(Math.log(ratio) / Math.log(SEGMENTS_PER_TIER));
}

function isMostlyDead({ liveCount, slotCount }: Segment): boolean {
  return slotCount - liveCount > slotCount * DEAD_PART_MAX;
}

/** The best candidates so far. */
class Best implements Collector {
  floor = -Infinity;
  readonly #nearest: Nearest;
  readonly #accept: ((id: string) => boolean) | undefined;

  constructor(limit: number, accept: ((id: string) => boolean) | undefined) {
    this.#nearest = new Nearest(limit);
    this.#accept = accept;
  }

  offer(id: string, units: number): void {
    if (this.#accept?.(id) === false) return;
    this.#nearest.offer({ id, score: units });
    this.floor = this.#nearest.floor;
  }

  list(): Scored[] {
    return this.#nearest.list().map(({ id, score }) => ({ id, score: score / UNITS_PER_ONE }));
  }
}
