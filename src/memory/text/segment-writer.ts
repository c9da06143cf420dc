/** Writes a segment term by term: encodes the postings and notes the impacts of each block. */
import { assert } from '../errors.js';
import { growingBytes, growingShorts, growingWords } from './growing.js';
import { BLOCK_POSTINGS, IMPACTS_PER_BLOCK_MAX } from './limits.js';
import { Segment, type SegmentDocuments } from './segment.js';

export class SegmentWriter {
  readonly #documents: SegmentDocuments;
  readonly #termStarts: Uint32Array;
  readonly #termsOfDocuments: Uint32Array;
  /** How many terms of each document have been written. */
  readonly #written: Uint16Array;

  readonly #units = growingShorts();
  readonly #starts = growingWords();
  readonly #blocks = growingWords();
  readonly #postings = growingWords();

  readonly #bytes = growingBytes();
  readonly #blockStarts = growingWords();
  readonly #lastSlots = growingWords();
  readonly #impactStarts = growingWords();
  readonly #impactCounts = growingShorts();
  readonly #impactLengths = growingShorts();

  #termPostings = 0;
  #lastSlot = -1;
  readonly #impacts = new Impacts();

  /** `termCounts`: how many different terms each document holds. */
  constructor(documents: SegmentDocuments, termCounts: Uint16Array) {
    assert(documents.ids.length > 0, 'a segment has documents');
    this.#documents = documents;
    this.#termStarts = new Uint32Array(termCounts.length + 1);
    for (const [slot, count] of termCounts.entries()) {
      this.#termStarts[slot + 1] = this.#termStarts[slot]! + count;
    }
    this.#termsOfDocuments = new Uint32Array(this.#termStarts[termCounts.length]!);
    this.#written = new Uint16Array(termCounts.length);
  }

  /** The next posting of the term that comes, by ascending slots. */
  add(slot: number, count: number): void {
    assert(slot > this.#lastSlot && count > 0, 'slots ascend, and counts are positive');
    if (this.#termPostings % BLOCK_POSTINGS === 0) {
      this.#endBlock();
      this.#blockStarts.push(this.#bytes.length);
    }
    const step = (slot - this.#lastSlot) * 2;
    if (count === 1) {
      this.#number(step + 1);
    } else {
      this.#number(step);
      this.#number(count);
    }
    this.#impacts.add(count, this.#documents.lengths[slot]!);
    this.#lastSlot = slot;
    this.#termPostings += 1;
    const place = this.#termStarts[slot]! + this.#written[slot]!;
    assert(place < this.#termStarts[slot + 1]!, 'a document holds as many terms as was said');
    this.#termsOfDocuments[place] = this.#starts.length;
    this.#written[slot]! += 1;
  }

  /** Names the term of the postings since the last; one without postings is left out. */
  endTerm(units: Uint16Array, start: number, end: number): void {
    if (this.#termPostings === 0) return;
    this.#endBlock();
    this.#starts.push(this.#units.length);
    this.#units.append(units, start, end);
    this.#blocks.push(this.#lastSlots.length - Math.ceil(this.#termPostings / BLOCK_POSTINGS));
    this.#postings.push(this.#termPostings);
    this.#termPostings = 0;
    this.#lastSlot = -1;
  }

  finish(): Segment {
    assert(this.#termPostings === 0, 'the last term has ended');
    const count = this.#starts.length;
    this.#starts.push(this.#units.length);
    this.#blocks.push(this.#lastSlots.length);
    this.#blockStarts.push(this.#bytes.length);
    this.#impactStarts.push(this.#impactCounts.length);
    return new Segment({
      documents: this.#documents,
      terms: {
        count,
        units: this.#units.trimmed(),
        starts: this.#starts.trimmed(),
        blocks: this.#blocks.trimmed(),
        postings: this.#postings.trimmed(),
      },
      blocks: {
        bytes: this.#bytes.trimmed(),
        starts: this.#blockStarts.trimmed(),
        lastSlots: this.#lastSlots.trimmed(),
        impactStarts: this.#impactStarts.trimmed(),
        impactCounts: this.#impactCounts.trimmed(),
        impactLengths: this.#impactLengths.trimmed(),
      },
      termStarts: this.#termStarts,
      termsOfDocuments: this.#termsOfDocuments,
    });
  }

  #endBlock(): void {
    if (this.#impacts.isEmpty) return;
    this.#lastSlots.push(this.#lastSlot);
    this.#impactStarts.push(this.#impactCounts.length);
    for (const { count, length } of this.#impacts.take()) {
      this.#impactCounts.push(count);
      this.#impactLengths.push(length);
    }
  }

  #number(value: number): void {
    let left = value;
    while (left > 127) {
      this.#bytes.push((left & 127) | 128);
      left >>>= 7;
    }
    this.#bytes.push(left);
  }
}

interface Impact {
  readonly count: number;
  /** Shortest document that holds the term so often, or more often. */
  length: number;
}

/** The best postings of a block, whatever the mean length will be: those that no other beats in both. */
class Impacts {
  #held: Impact[] = [];

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  add(count: number, length: number): void {
    const held = this.#held.find((impact) => impact.count === count);
    if (held === undefined) this.#held.push({ count, length });
    else if (length < held.length) held.length = length;
  }

  take(): Impact[] {
    this.#held.sort((a, b) => b.count - a.count);
    const best: Impact[] = [];
    for (const impact of this.#held) {
      if (impact.length < (best.at(-1)?.length ?? Infinity)) best.push(impact);
    }
    this.#held = [];
    // Of two neighbours the higher count with the shorter length is a bound of both; where a term is
    // frequent anyway, this loses least.
    while (best.length > IMPACTS_PER_BLOCK_MAX) {
      const [first, second] = best.splice(0, 2);
      best.unshift({ count: first!.count, length: second!.length });
    }
    return best;
  }
}
