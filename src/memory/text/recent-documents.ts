/** The newest documents of an index, few enough to be searched without pruning. */
import { RECENT_DOCUMENTS_MAX, RECENT_POSTINGS_MAX } from './limits.js';
import type { Segment } from './segment.js';
import { SegmentWriter } from './segment-writer.js';

interface RecentTerm {
  readonly slots: number[];
  readonly counts: number[];
  /** Documents that were not deleted. */
  holding: number;
}

interface RecentDocument {
  readonly id: string;
  readonly number: number;
  readonly length: number;
  readonly terms: readonly RecentTerm[];
  isLive: boolean;
}

export class RecentDocuments {
  readonly #terms = new Map<string, RecentTerm>();
  readonly #documents: RecentDocument[] = [];
  #postingCount = 0;
  #liveCount = 0;

  get isFull(): boolean {
    return (
      this.#postingCount >= RECENT_POSTINGS_MAX || this.#documents.length >= RECENT_DOCUMENTS_MAX
    );
  }

  get postingCount(): number {
    return this.#postingCount;
  }

  get liveCount(): number {
    return this.#liveCount;
  }

  get slotCount(): number {
    return this.#documents.length;
  }

  /** Documents that hold a term. */
  holding(term: string): number {
    return this.#terms.get(term)?.holding ?? 0;
  }

  /** Adds a document, whose number is above all others. */
  add(id: string, number: number, tokens: readonly string[]): void {
    const slot = this.#documents.length;
    const terms: RecentTerm[] = [];
    for (const [token, count] of countsOf(tokens)) {
      let term = this.#terms.get(token);
      if (term === undefined) {
        term = { slots: [], counts: [], holding: 0 };
        this.#terms.set(token, term);
      }
      term.slots.push(slot);
      term.counts.push(count);
      term.holding += 1;
      terms.push(term);
    }
    this.#documents.push({ id, number, length: tokens.length, terms, isLive: true });
    this.#postingCount += terms.length;
    this.#liveCount += 1;
  }

  /** Deletes a document by its number and returns its length; undefined if it is not here. */
  delete(number: number): number | undefined {
    let [low, high] = [0, this.#documents.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#documents[middle]!.number < number) low = middle + 1;
      else high = middle;
    }
    const document = this.#documents[low];
    if (document?.number !== number || !document.isLive) return undefined;
    document.isLive = false;
    for (const term of document.terms) term.holding -= 1;
    this.#liveCount -= 1;
    return document.length;
  }

  /** Adds a term's units to the sums of the documents that hold it. */
  score(term: string, units: (count: number, length: number) => number, sums: Float64Array): void {
    const held = this.#terms.get(term);
    if (held === undefined) return;
    for (const [at, slot] of held.slots.entries()) {
      sums[slot]! += units(held.counts[at]!, this.#documents[slot]!.length);
    }
  }

  /** The id of the document in a slot, or undefined if it was deleted. */
  idOf(slot: number): string | undefined {
    const document = this.#documents[slot];
    return document?.isLive === true ? document.id : undefined;
  }

  /** The documents that were not deleted as a segment; undefined if there are none. */
  toSegment(): Segment | undefined {
    if (this.#liveCount === 0) return undefined;
    const live = this.#documents.filter(({ isLive }) => isLive);
    const writer = new SegmentWriter(
      {
        ids: live.map(({ id }) => id),
        numbers: Float64Array.from(live, ({ number }) => number),
        lengths: Uint16Array.from(live, ({ length }) => length),
      },
      Uint16Array.from(live, ({ terms }) => terms.length),
    );
    const newSlots = new Int32Array(this.#documents.length).fill(-1);
    let next = 0;
    for (const [slot, { isLive }] of this.#documents.entries()) {
      if (!isLive) continue;
      newSlots[slot] = next;
      next += 1;
    }
    for (const [term, { slots, counts }] of [...this.#terms].sort(byTerm)) {
      for (const [at, slot] of slots.entries()) {
        const newSlot = newSlots[slot]!;
        if (newSlot >= 0) writer.add(newSlot, counts[at]!);
      }
      writer.endTerm(unitsOf(term), 0, term.length);
    }
    return writer.finish();
  }
}

function byTerm([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

function countsOf(tokens: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  return counts;
}

function unitsOf(term: string): Uint16Array {
  return Uint16Array.from({ length: term.length }, (_, at) => term.charCodeAt(at));
}
