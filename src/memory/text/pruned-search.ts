/**
 * The best documents of a segment without reading every posting of the query's terms.
 *
 * MaxScore (Turtle and Flood 1995): terms stand in the order of the most that each can give. As long as
 * the first few together stay below the least score that is still wanted, a document that holds none of
 * the others cannot be among the best: only those others, the essential terms, are read throughout.
 * Block maxima (Ding and Suel 2011) sharpen this in windows of slots (Chakrabarti, Chaudhuri and Ganti
 * 2011): in each window a term gives at most the bound of its blocks there, and a window in which all
 * bounds together stay below is not read at all. The answer is that of reading everything.
 *
 *     window:   |--- skipped ---|--- read ---|
 *     rare term    [ 0.9 ]         [ 4.1  ]      essential
 *     common      [0.2][0.3]      [0.3][0.2]     looked up for candidates only
 */
import type { Cursor } from './cursor.js';
import { WINDOW_DOCUMENTS } from './limits.js';
import type { Segment } from './segment.js';

/** Takes candidates. */
export interface Collector {
  /** Units below which a document is not wanted. */
  floor: number;
  offer(id: string, units: number): void;
}

export class PrunedSearch {
  readonly #segment: Segment;
  readonly #collector: Collector;
  /** Ascending by their bound, in the segment and then in each window. */
  readonly #cursors: Cursor[];
  readonly #bounds: Float64Array;
  /** Sums of the bounds of a cursor and of all before it. */
  readonly #sums: Float64Array;
  readonly #scores: Float64Array;
  readonly #touched = new Uint32Array(WINDOW_DOCUMENTS / 32);
  readonly #isExhaustive: boolean;

  /**
   * `scores` is room for the documents of a window, all zero, and is left so. `isExhaustive` reads all,
   * to compare.
   */
  constructor(
    segment: Segment,
    cursors: readonly Cursor[],
    collector: Collector,
    scores: Float64Array,
    isExhaustive: boolean,
  ) {
    this.#segment = segment;
    this.#collector = collector;
    this.#cursors = [...cursors];
    this.#bounds = new Float64Array(cursors.length);
    this.#sums = new Float64Array(cursors.length);
    this.#scores = scores;
    this.#isExhaustive = isExhaustive;
  }

  run(): void {
    const { slotCount } = this.#segment;
    for (let from = 0; from < slotCount;) {
      let essential = this.#arrange((cursor) => cursor.bound);
      if (essential === this.#cursors.length) return;
      const to = this.#windowEnd(from, essential);
      essential = this.#arrange((cursor) => cursor.boundWithin(from, to));
      if (essential < this.#cursors.length) this.#read(from, to, essential);
      from = to + 1;
    }
  }

  /** Orders the cursors by a bound and returns the place of the first that is essential. */
  #arrange(boundOf: (cursor: Cursor) => number): number {
    const cursors = this.#cursors;
    const bounds = this.#bounds;
    for (let place = 0; place < cursors.length; place += 1) {
      // By insertion: from window to window the order hardly changes.
      const cursor = cursors[place]!;
      const bound = boundOf(cursor);
      let before = place;
      for (; before > 0 && bounds[before - 1]! > bound; before -= 1) {
        cursors[before] = cursors[before - 1]!;
        bounds[before] = bounds[before - 1]!;
      }
      cursors[before] = cursor;
      bounds[before] = bound;
    }
    let essential = cursors.length;
    let sum = 0;
    for (let place = 0; place < cursors.length; place += 1) {
      sum += bounds[place]!;
      this.#sums[place] = sum;
      if (essential === cursors.length && this.#canReach(sum)) essential = place;
    }
    return essential;
  }

  /** Equal to the floor is enough: the id decides. */
  #canReach(units: number): boolean {
    return this.#isExhaustive || units >= this.#collector.floor;
  }

  /** A window ends with a block of an essential term, and where sums are kept, when these are full. */
  #windowEnd(from: number, essential: number): number {
    let end = this.#segment.slotCount - 1;
    for (let place = essential; place < this.#cursors.length; place += 1) {
      end = Math.min(end, this.#cursors[place]!.blockEnd(from));
    }
    // Window by window there are never more essential terms than in the whole segment.
    if (essential === this.#cursors.length - 1) return end;
    return Math.min(end, from + WINDOW_DOCUMENTS - 1);
  }

  #read(from: number, to: number, essential: number): void {
    if (essential === this.#cursors.length - 1) {
      const cursor = this.#cursors[essential]!;
      for (cursor.seek(from); cursor.slot <= to; cursor.next()) {
        this.#finish(cursor.slot, cursor.units(), essential);
      }
      return;
    }
    const touched = this.#touched;
    const scores = this.#scores;
    for (let place = essential; place < this.#cursors.length; place += 1) {
      this.#cursors[place]!.addWithin(from, to, scores, touched);
    }
    const words = (to - from + 32) >>> 5;
    for (let word = 0; word < words; word += 1) {
      let bits = touched[word]!;
      touched[word] = 0;
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        const place = word * 32 + bit;
        const units = scores[place]!;
        scores[place] = 0;
        this.#finish(from + place, units, essential);
      }
    }
  }

  /** Adds what the terms before the essential ones give to a candidate, as long as it can be wanted. */
  #finish(slot: number, essentialUnits: number, essential: number): void {
    let units = essentialUnits;
    for (let place = essential - 1; place >= 0; place -= 1) {
      if (!this.#canReach(units + this.#sums[place]!)) return;
      const cursor = this.#cursors[place]!;
      // Before a block is decoded, its own bound may be low enough.
      const others = place === 0 ? 0 : this.#sums[place - 1]!;
      if (!this.#canReach(units + cursor.boundAt(slot) + others)) return;
      if (cursor.seek(slot) === slot) units += cursor.units();
    }
    if (units < this.#collector.floor || this.#segment.live[slot] === 0) return;
    this.#collector.offer(this.#segment.documents.ids[slot]!, units);
  }
}
