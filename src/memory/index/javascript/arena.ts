/**
 * The memory of one index, as native/index.h lays it out: blocks of codes and links, originals, and
 * rows of upper links. Here each of the three is one array that doubles; block 0 and original 0 are
 * those of the query, so that a slot is one place further.
 */
import { Codebook } from '../codebook.js';
import { FAILURE, NONE, METRICS, type KernelSettings } from '../kernel.js';
import { BREADTH_MAX, SLOTS_MAX, WINDOWS } from '../limits.js';
import { narrowCodesOf } from './codes/index.js';
import type { NarrowCodes } from './codes/narrow-codes.js';
import { Candidates, Ranking } from './heaps.js';
import type { OriginalsFile } from '../originals-file.js';
import {
  dotCodes,
  dotFloats,
  dotOriginals,
  squaredDistance,
  squaredGaps,
} from './inner-products.js';
import { xxh32 } from './xxhash.js';

/** The query in place of a slot. */
export const QUERY = -1;
export const STATE = {
  free: 0,
  pending: 1,
  twin: 2,
  linked: 3,
  dead: 4,
  deadBeforeSweep: 5,
} as const;

const EUCLIDEAN = METRICS.indexOf('euclidean');
const SLOTS_FIRST = 1024;
/** Words of a header: scale, squares, code sum, first row and twin; link count, level and state. */
const HEADER_WORDS = 6;

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

export class Arena {
  readonly dimensions: number;
  readonly metric: number;
  readonly neighbours: number;
  readonly breadth: number;
  readonly floats: number;
  readonly codeBytes: number;
  readonly strideBytes: number;
  readonly strideWords: number;
  readonly headerWord: number;
  readonly rowWords: number;
  /** Null where codes are int8. */
  readonly narrow: NarrowCodes | null;
  readonly subvectors: number;
  /** Of the query of narrow codes. */
  queryScale = 0;
  /** Slots of the originals in the windows, where they lie outside; and whose original is kept apart. */
  windowSlots = new Uint32Array(0);
  #asker = NONE;
  /** An original was not what was saved, and somebody went on without it. */
  isDamaged = false;
  querySquares = 0;

  codes: Int8Array;
  bytes: Uint8Array;
  words: Uint32Array;
  reals: Float32Array;
  signed: Int32Array;
  /** The query first; then those of all slots, or one that was asked for where they lie outside. */
  originals: Float32Array;
  originalWords: Uint32Array;
  outside: OriginalsFile | undefined;
  /** Of a snapshot: the checksum of each original, and a bit for each that nobody has looked at yet. */
  sums = new Uint32Array(0);
  uncheckedBits = new Uint8Array(0);
  importedSlots = 0;
  /** Steps of the check of a snapshot that are done, and the rows that it found in chains. */
  checkedSteps = 0;
  rowsTaken = new Uint8Array(0);
  /** A row: next, link count, links. */
  rows: Uint32Array;

  slotCount = 0;
  slotCapacity = 0;
  rowCount = 0;
  linked = 0;
  dead = 0;
  pending = 0;
  entry = NONE;
  topLevel = 0;
  freeSlot = NONE;
  freeRow = NONE;
  sweepAt = 0;
  epoch = 0;
  isImporting = false;

  readonly results = new Candidates(BREADTH_MAX + 1);
  readonly sorted = new Candidates(BREADTH_MAX + 1);
  readonly chosen: Candidates;
  readonly ranked = new Ranking(BREADTH_MAX);
  walk = new Candidates(0);
  visited = new Uint16Array(0);
  linkedBits = new Uint8Array(0);
  allowedBits = new Uint8Array(0);
  pendingSlots = new Uint32Array(0);
  deadSlots = new Uint32Array(0);

  constructor(settings: KernelSettings) {
    const { dimensions, metric, neighbours, breadth, codes } = settings;
    this.dimensions = dimensions;
    this.metric = METRICS.indexOf(metric);
    this.neighbours = neighbours;
    this.breadth = breadth;
    this.floats = roundUp(dimensions, 16);
    this.narrow = narrowCodesOf(settings, this.floats, roundUp(dimensions, 64));
    this.subvectors = codes instanceof Codebook ? codes.subvectors : 0;
    this.codeBytes = this.narrow?.codeBytes ?? roundUp(dimensions, 8);
    this.strideBytes = this.codeBytes + HEADER_WORDS * 4 + 2 * neighbours * 4;
    this.strideWords = this.strideBytes / 4;
    this.headerWord = this.codeBytes / 4;
    this.rowWords = 2 + neighbours;
    this.chosen = new Candidates(2 * neighbours);
    const buffer = new ArrayBuffer(this.strideBytes);
    this.codes = new Int8Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.reals = new Float32Array(buffer);
    this.signed = new Int32Array(buffer);
    this.originals = new Float32Array(this.floats);
    this.originalWords = new Uint32Array(this.originals.buffer);
    this.rows = new Uint32Array(0);
  }

  /** First word of the header of a slot. */
  headerOf(slot: number): number {
    return (slot + 1) * this.strideWords + this.headerWord;
  }

  firstRowOf(slot: number): number {
    return this.words[this.headerOf(slot) + 3]!;
  }

  firstTwinOf(slot: number): number {
    return this.words[this.headerOf(slot) + 4]!;
  }

  setFirstTwin(slot: number, twin: number): void {
    this.words[this.headerOf(slot) + 4] = twin;
  }

  linkCountOf(slot: number): number {
    return this.words[this.headerOf(slot) + 5]! & 0xffff;
  }

  levelOf(slot: number): number {
    return (this.words[this.headerOf(slot) + 5]! >>> 16) & 0xff;
  }

  stateOf(slot: number): number {
    return this.words[this.headerOf(slot) + 5]! >>> 24;
  }

  setNode(slot: number, linkCount: number, level: number, state: number): void {
    this.words[this.headerOf(slot) + 5] = (linkCount | (level << 16) | (state << 24)) >>> 0;
  }

  setLinkCountOf(slot: number, linkCount: number): void {
    this.setNode(slot, linkCount, this.levelOf(slot), this.stateOf(slot));
  }

  setState(slot: number, state: number): void {
    this.setNode(slot, this.linkCountOf(slot), this.levelOf(slot), state);
  }

  /** First word of the links of level 0. */
  baseLinksOf(slot: number): number {
    return this.headerOf(slot) + HEADER_WORDS;
  }

  /** Where the row of a level from 1 on begins; the node reaches that level. */
  rowOf(slot: number, level: number): number {
    let row = this.firstRowOf(slot);
    for (let l = 1; l < level; l += 1) row = this.rows[row * this.rowWords]!;
    return row * this.rowWords;
  }

  /** Smaller is nearer; see `distanceOf` in native/index.h. */
  distance(a: number, b: number): number {
    if (this.narrow !== null) return this.#narrowDistance(a, b);
    const ha = this.headerOf(a);
    const hb = this.headerOf(b);
    const { strideBytes, reals } = this;
    const dot = dotCodes(this.codes, (a + 1) * strideBytes, (b + 1) * strideBytes, this.codeBytes);
    const product = Math.fround(Math.fround(dot) * Math.fround(reals[ha]! * reals[hb]!));
    if (this.metric !== EUCLIDEAN) return -product;
    const squares = Math.fround(reals[ha + 1]! + reals[hb + 1]!);
    return Math.fround(squares - Math.fround(2 * product));
  }

  /** Of the query by its codes, of two nodes by their originals. */
  #narrowDistance(a: number, b: number): number {
    if (a !== QUERY) {
      const [from, to] = [this.#askFor(a), this.#linkedOriginal(b)];
      if (this.metric !== EUCLIDEAN) {
        return -dotFloats(this.originals, from, to, this.floats);
      }
      return squaredGaps(this.originals, from, to, this.floats);
    }
    const header = this.headerOf(b);
    const dot = this.narrow!.dot(this.bytes, (b + 1) * this.strideBytes);
    const product = Math.fround(dot * Math.fround(this.queryScale * this.reals[header]!));
    if (this.metric !== EUCLIDEAN) return -product;
    const squares = Math.fround(this.querySquares + this.reals[header + 1]!);
    return Math.fround(squares - Math.fround(2 * product));
  }

  /** Keeps originals in a file from here on; for an index without any. */
  keepOutside(file: OriginalsFile): void {
    this.outside = file;
    const windows = this.narrow === null ? 1 : WINDOWS;
    this.windowSlots = new Uint32Array(windows).fill(NONE);
    // Behind the query and the windows the one that asks.
    this.originals = new Float32Array((windows + 2) * this.floats);
    this.originalWords = new Uint32Array(this.originals.buffer);
  }

  /**
   * Where an original begins in `originals`, which may be used until the next is asked for. One of a
   * snapshot is checked when it is touched first. -1 where it is not what was saved.
   */
  originalFor(slot: number): number {
    const { floats } = this;
    const place = this.outside === undefined ? slot : slot % this.windowSlots.length;
    const at = (place + 1) * floats;
    const isThere = this.outside === undefined || this.windowSlots[place] === slot;
    const isUnchecked =
      slot < this.importedSlots && this.sums.length > 0 && hasBit(this.uncheckedBits, slot);
    if (isThere && !isUnchecked) return at;
    const bytes = new Uint8Array(this.originals.buffer, at * 4, floats * 4);
    if (!isThere) {
      this.outside!.load(slot, bytes);
      this.windowSlots[place] = slot;
    }
    if (!isUnchecked) return at;
    if (xxh32(bytes, 0) !== this.sums[slot]) return -1;
    if (!this.originals.subarray(at, at + floats).every(Number.isFinite)) return -1;
    clearBit(this.uncheckedBits, slot);
    return at;
  }

  /** As `originalFor`, for those who cannot stop in the middle: they tell of damage when they end. */
  #linkedOriginal(slot: number): number {
    const at = this.originalFor(slot);
    if (at < 0) this.isDamaged = true;
    return Math.max(0, at);
  }

  /** Where the original of who asks for distances begins, whatever else is asked for meanwhile. */
  #askFor(slot: number): number {
    if (this.outside === undefined) return this.#linkedOriginal(slot);
    const asking = (this.windowSlots.length + 1) * this.floats;
    if (this.#asker !== slot) {
      const at = this.#linkedOriginal(slot);
      this.originals.copyWithin(asking, at, at + this.floats);
      this.#asker = slot;
    }
    return asking;
  }

  /** Whether two nodes have the same original, bit for bit. */
  hasSameOriginal(a: number, b: number): boolean {
    const [from, to] = [this.#askFor(a), this.#linkedOriginal(b)];
    for (let i = 0; i < this.floats; i += 1) {
      if (this.originalWords[from + i] !== this.originalWords[to + i]) return false;
    }
    return true;
  }

  storeOriginal(slot: number): void {
    const { floats, originals } = this;
    if (this.outside === undefined) {
      originals.copyWithin((slot + 1) * floats, 0, floats);
    } else {
      this.outside.store(slot, new Uint8Array(originals.buffer, 0, floats * 4));
      const place = slot % this.windowSlots.length;
      if (this.windowSlots[place] === slot) this.windowSlots[place] = NONE;
      if (this.#asker === slot) this.#asker = NONE;
    }
    if (slot < this.importedSlots && this.sums.length > 0) clearBit(this.uncheckedBits, slot);
  }

  /** Of the query with an original, which begins at `at`; higher is better. */
  score(at: number): number {
    if (this.metric === EUCLIDEAN) return -squaredDistance(this.originals, 0, at, this.floats);
    return dotOriginals(this.originals, 0, at, this.floats);
  }

  /** Makes room for so many slots. Answers 0 or a failure; what was there stays as it was. */
  reserveSlots(slots: number): number {
    if (slots > SLOTS_MAX) return FAILURE.full;
    if (slots <= this.slotCapacity) return 0;
    let capacity = Math.max(SLOTS_FIRST, this.slotCapacity);
    while (capacity < slots) capacity *= 2;
    try {
      const codes = new Int8Array((capacity + 1) * this.strideBytes);
      const kept = (capacity + 1) * this.floats;
      const originals = new Float32Array(this.outside === undefined ? kept : this.originals.length);
      const walk = new Candidates(capacity);
      const visited = new Uint16Array(capacity);
      const linkedBits = new Uint8Array(capacity / 8);
      const allowedBits = new Uint8Array(capacity / 8);
      const pendingSlots = new Uint32Array(capacity);
      const deadSlots = new Uint32Array(capacity);
      codes.set(this.codes);
      originals.set(this.originals);
      visited.set(this.visited);
      linkedBits.set(this.linkedBits);
      pendingSlots.set(this.pendingSlots);
      deadSlots.set(this.deadSlots);
      Object.assign(this, { codes, originals, walk, visited, linkedBits, allowedBits });
      Object.assign(this, { pendingSlots, deadSlots, slotCapacity: capacity });
    } catch (error) {
      if (error instanceof RangeError) return FAILURE.noMemory;
      throw error;
    }
    this.bytes = new Uint8Array(this.codes.buffer);
    this.words = new Uint32Array(this.codes.buffer);
    this.reals = new Float32Array(this.codes.buffer);
    this.signed = new Int32Array(this.codes.buffer);
    this.originalWords = new Uint32Array(this.originals.buffer);
    return 0;
  }

  reserveRows(rows: number): number {
    if (rows > SLOTS_MAX) return FAILURE.full;
    const words = rows * this.rowWords;
    if (words <= this.rows.length) return 0;
    try {
      const grown = new Uint32Array(Math.max(words, 2 * this.rows.length));
      grown.set(this.rows);
      this.rows = grown;
    } catch (error) {
      if (error instanceof RangeError) return FAILURE.noMemory;
      throw error;
    }
    return 0;
  }

  /** The first link of a pending node holds its place in the list. */
  putPending(slot: number): void {
    this.setState(slot, STATE.pending);
    this.words[this.baseLinksOf(slot)] = this.pending;
    this.pendingSlots[this.pending++] = slot;
  }

  takePending(slot: number): void {
    const place = this.words[this.baseLinksOf(slot)]!;
    const last = this.pendingSlots[--this.pending]!;
    this.pendingSlots[place] = last;
    this.words[this.baseLinksOf(last)] = place;
  }

  release(slot: number): void {
    let row = this.firstRowOf(slot);
    for (let l = this.levelOf(slot); l > 0; l -= 1) {
      const at = row * this.rowWords;
      const next = this.rows[at]!;
      this.rows[at] = this.freeRow;
      this.rows[at + 1] = 0;
      this.freeRow = row;
      row = next;
    }
    this.words[this.headerOf(slot) + 3] = NONE;
    this.setNode(slot, 0, 0, STATE.free);
    this.words[this.baseLinksOf(slot)] = this.freeSlot;
    this.freeSlot = slot;
  }
}

export function hasBit(bits: Uint8Array, slot: number): boolean {
  return ((bits[slot >> 3]! >> (slot & 7)) & 1) === 1;
}

export function setBit(bits: Uint8Array, slot: number): void {
  bits[slot >> 3]! |= 1 << (slot & 7);
}

export function clearBit(bits: Uint8Array, slot: number): void {
  bits[slot >> 3]! &= ~(1 << (slot & 7));
}
