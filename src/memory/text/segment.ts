/**
 * Some of the documents of an index with an inverted list for each of their terms, as typed arrays.
 * Only deletions change a segment: they mark the document and count it out of the terms it holds.
 */
import { assert } from '../errors.js';
import { BLOCK_POSTINGS } from './limits.js';

/** Documents of a segment, by their slot. */
export interface SegmentDocuments {
  readonly ids: readonly string[];
  /** When each was put, counted over the whole index, ascending. */
  readonly numbers: Float64Array;
  readonly lengths: Uint16Array;
}

/** Terms of a segment in the order of their UTF-16 units, each with where its parts begin. */
export interface SegmentTerms {
  readonly count: number;
  readonly units: Uint16Array;
  readonly starts: Uint32Array;
  /** First block of each term; one more at the end. */
  readonly blocks: Uint32Array;
  /** Postings of each term, those of deleted documents among them. */
  readonly postings: Uint32Array;
}

/**
 * Blocks of postings. A block holds 64, the last of a term what is left. Each posting is the distance
 * to the slot before, doubled, plus one where the document holds the term once; otherwise the count
 * follows. Seven bits a byte, the lowest first, the top bit on all but the last.
 */
export interface SegmentBlocks {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly lastSlots: Uint32Array;
  /** Pairs of count and length of which one is at least as good as any posting of the block. */
  readonly impactStarts: Uint32Array;
  readonly impactCounts: Uint16Array;
  readonly impactLengths: Uint16Array;
}

export interface SegmentParts {
  readonly documents: SegmentDocuments;
  readonly terms: SegmentTerms;
  readonly blocks: SegmentBlocks;
  /** The terms of each document, so that a deletion finds them. */
  readonly termStarts: Uint32Array;
  readonly termsOfDocuments: Uint32Array;
}

export const NOT_FOUND = -1;

export class Segment implements SegmentParts {
  readonly documents: SegmentDocuments;
  readonly terms: SegmentTerms;
  readonly blocks: SegmentBlocks;
  readonly termStarts: Uint32Array;
  readonly termsOfDocuments: Uint32Array;
  /** One for a document that was not deleted. */
  readonly live: Uint8Array;
  /** How many documents that were not deleted hold each term. */
  readonly holding: Uint32Array;
  liveCount: number;

  constructor(parts: SegmentParts) {
    this.documents = parts.documents;
    this.terms = parts.terms;
    this.blocks = parts.blocks;
    this.termStarts = parts.termStarts;
    this.termsOfDocuments = parts.termsOfDocuments;
    this.live = new Uint8Array(this.slotCount).fill(1);
    this.holding = this.terms.postings.slice();
    this.liveCount = this.slotCount;
  }

  get slotCount(): number {
    return this.documents.ids.length;
  }

  get postingCount(): number {
    return this.termsOfDocuments.length;
  }

  /** Number of the first document, deleted or not. */
  get firstNumber(): number {
    return this.documents.numbers[0]!;
  }

  /** The slot of the document with a number, or -1. */
  slotOf(number: number): number {
    const { numbers } = this.documents;
    let [low, high] = [0, numbers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return numbers[low] === number ? low : NOT_FOUND;
  }

  /** The place of a term, or -1. */
  termOf(term: string): number {
    const { count, units, starts } = this.terms;
    let [low, high] = [0, count];
    while (low < high) {
      const middle = (low + high) >> 1;
      const order = compareWith(units, starts[middle]!, starts[middle + 1]!, term);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return NOT_FOUND;
  }

  /** Deletes the document in a slot. */
  delete(slot: number): void {
    assert(this.live[slot] === 1, 'a document is deleted once');
    this.live[slot] = 0;
    this.liveCount -= 1;
    const end = this.termStarts[slot + 1]!;
    for (let at = this.termStarts[slot]!; at < end; at += 1) {
      this.holding[this.termsOfDocuments[at]!]! -= 1;
    }
  }
}

function compareWith(units: Uint16Array, start: number, end: number, term: string): number {
  const common = Math.min(end - start, term.length);
  for (let at = 0; at < common; at += 1) {
    const order = units[start + at]! - term.charCodeAt(at);
    if (order !== 0) return order;
  }
  return end - start - term.length;
}

/** Postings in a block of a term: all blocks but its last are full. */
export function postingsInBlock(terms: SegmentTerms, term: number, block: number): number {
  const before = (block - terms.blocks[term]!) * BLOCK_POSTINGS;
  return Math.min(BLOCK_POSTINGS, terms.postings[term]! - before);
}

/** Decodes a block of a term into `slots` and `counts` and returns how many postings it holds. */
export function decodeBlock(
  { terms, blocks }: SegmentParts,
  term: number,
  block: number,
  slots: Uint32Array,
  counts: Uint16Array,
): number {
  const total = postingsInBlock(terms, term, block);
  const { bytes } = blocks;
  let at = blocks.starts[block]!;
  let slot = block === terms.blocks[term] ? -1 : blocks.lastSlots[block - 1]!;
  for (let posting = 0; posting < total; posting += 1) {
    let byte = bytes[at]!;
    let value = byte & 127;
    at += 1;
    for (let shift = 7; byte > 127; shift += 7) {
      byte = bytes[at]!;
      value |= (byte & 127) << shift;
      at += 1;
    }
    slot += value >>> 1;
    slots[posting] = slot;
    if ((value & 1) === 1) {
      counts[posting] = 1;
      continue;
    }
    byte = bytes[at]!;
    let count = byte & 127;
    at += 1;
    for (let shift = 7; byte > 127; shift += 7) {
      byte = bytes[at]!;
      count |= (byte & 127) << shift;
      at += 1;
    }
    counts[posting] = count;
  }
  return total;
}
