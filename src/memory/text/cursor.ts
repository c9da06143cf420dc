/** The postings of one term in one segment, read forward, with a bound for the score of each block. */
import type { TermWeight } from './bm25.js';
import { BLOCK_POSTINGS } from './limits.js';
import { decodeBlock, type Segment } from './segment.js';

/** The slot of a cursor behind its last posting. */
const END = 0x7fff_ffff;

export class Cursor {
  readonly #segment: Segment;
  readonly #term: number;
  readonly #weight: TermWeight;
  readonly #firstBlock: number;
  readonly #endBlock: number;
  /** Most units of a posting, for each block of the term. */
  readonly #bounds: Float64Array;
  /** Most units of any posting of the term. */
  readonly bound: number;
  readonly #lastSlots: Uint32Array;
  /** Block of the slot that was looked at last; not yet decoded maybe. */
  #near: number;

  readonly #slots = new Uint32Array(BLOCK_POSTINGS);
  readonly #counts = new Uint16Array(BLOCK_POSTINGS);
  #block = -1;
  #decoded = 0;
  #at = 0;
  /** Slot of the posting that comes next; before the first `seek` it is none. */
  slot = -1;

  constructor(segment: Segment, term: number, weight: TermWeight) {
    this.#segment = segment;
    this.#term = term;
    this.#weight = weight;
    this.#firstBlock = segment.terms.blocks[term]!;
    this.#endBlock = segment.terms.blocks[term + 1]!;
    this.#lastSlots = segment.blocks.lastSlots;
    this.#near = this.#firstBlock;
    const bounds = new Float64Array(this.#endBlock - this.#firstBlock);
    const { impactStarts, impactCounts, impactLengths } = segment.blocks;
    let highest = 0;
    for (let block = 0; block < bounds.length; block += 1) {
      const end = impactStarts[this.#firstBlock + block + 1]!;
      let bound = 0;
      for (let at = impactStarts[this.#firstBlock + block]!; at < end; at += 1) {
        const units = weight.units(impactCounts[at]!, impactLengths[at]!);
        if (units > bound) bound = units;
      }
      bounds[block] = bound;
      if (bound > highest) highest = bound;
    }
    this.#bounds = bounds;
    this.bound = highest;
  }

  /** The last slot of the block that holds the first posting from `slot` on; `END` without one. */
  blockEnd(slot: number): number {
    const block = this.#blockOf(slot);
    return block === this.#endBlock ? END : this.#lastSlots[block]!;
  }

  /** Most units that the posting of a slot can have, which no call before looked beyond. */
  boundAt(slot: number): number {
    const block = this.#blockOf(slot);
    return block === this.#endBlock ? 0 : this.#bounds[block - this.#firstBlock]!;
  }

  /** Most units that a posting from slot `from` to slot `to` can have. */
  boundWithin(from: number, to: number): number {
    const first = this.#blockOf(from);
    let bound = 0;
    for (let block = first; block < this.#endBlock; block += 1) {
      if (block > first && this.#lastSlots[block - 1]! >= to) break;
      const units = this.#bounds[block - this.#firstBlock]!;
      if (units > bound) bound = units;
    }
    return bound;
  }

  /** Goes to the first posting from a slot on, never back, and returns where that is. */
  seek(slot: number): number {
    if (this.slot >= slot) return this.slot;
    const block = this.#blockOf(slot);
    if (block === this.#endBlock) {
      this.slot = END;
      return END;
    }
    if (block !== this.#block) this.#decode(block);
    const slots = this.#slots;
    let at = this.#at;
    while (slots[at]! < slot) at += 1;
    this.#at = at;
    this.slot = slots[at]!;
    return this.slot;
  }

  /** Goes to the next posting. */
  next(): void {
    this.#at += 1;
    if (this.#at < this.#decoded) this.slot = this.#slots[this.#at]!;
    else this.seek(this.slot + 1);
  }

  /** Units of the posting here. */
  units(): number {
    const length = this.#segment.documents.lengths[this.slot]!;
    return this.#weight.units(this.#counts[this.#at]!, length);
  }

  /**
   * Adds the units of all postings up to slot `to` to `sums` and sets their bits in `touched`, both
   * counted from slot `from`, and goes behind them.
   */
  addWithin(from: number, to: number, sums: Float64Array, touched: Uint32Array): void {
    const { lengths } = this.#segment.documents;
    this.seek(from);
    while (this.slot <= to) {
      let at = this.#at;
      while (at < this.#decoded && this.#slots[at]! <= to) {
        const slot = this.#slots[at]!;
        const place = slot - from;
        sums[place]! += this.#weight.units(this.#counts[at]!, lengths[slot]!);
        touched[place >>> 5]! |= 1 << (place & 31);
        at += 1;
      }
      this.#at = at - 1;
      this.slot = this.#slots[this.#at]!;
      this.next();
    }
  }

  /** Slots ascend from call to call, so no block comes twice. */
  #blockOf(slot: number): number {
    let block = this.#near;
    while (block < this.#endBlock && this.#lastSlots[block]! < slot) block += 1;
    this.#near = block;
    return block;
  }

  #decode(block: number): void {
    this.#block = block;
    this.#decoded = decodeBlock(this.#segment, this.#term, block, this.#slots, this.#counts);
    this.#at = 0;
  }
}
