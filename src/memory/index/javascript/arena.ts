/**
 * The memory of one index, as native/index.h lays it out: blocks of codes and links, originals, and
 * rows of upper links. Here each of the three is one array that doubles; block 0 and original 0 are
 * those of the query, so that a slot is one place further.
 */
import { Codebook } from '../codebook.js';
import { FAILURE, NONE, METRICS, type KernelSettings } from '../kernel.js';
import { BREADTH_MAX, COMPONENT_MAX, LEVEL_MAX, SLOTS_MAX } from '../limits.js';
import { narrowCodesOf } from './codes/index.js';
import { codeLanes } from './codes/int8-codes.js';
import type { NarrowCodes } from './codes/narrow-codes.js';
import { Candidates, Ranking } from './heaps.js';
import {
  dotCodes,
  dotFloats,
  dotOriginals,
  squaredDistance,
  squaredGaps,
} from './inner-products.js';

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
const COSINE = METRICS.indexOf('cosine');
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
  #queryScale = 0;
  #querySquares = 0;

  codes: Int8Array;
  bytes: Uint8Array;
  words: Uint32Array;
  reals: Float32Array;
  signed: Int32Array;
  originals: Float32Array;
  originalWords: Uint32Array;
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
    this.codeBytes = this.narrow?.codeBytes ?? roundUp(dimensions, 64);
    this.strideBytes = roundUp(this.codeBytes + HEADER_WORDS * 4 + 2 * neighbours * 4, 64);
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
      const [from, to] = [(a + 1) * this.floats, (b + 1) * this.floats];
      if (this.metric !== EUCLIDEAN) {
        return -dotFloats(this.originals, from, to, this.floats);
      }
      return squaredGaps(this.originals, from, to, this.floats);
    }
    const header = this.headerOf(b);
    const dot = this.narrow!.dot(this.bytes, (b + 1) * this.strideBytes);
    const product = Math.fround(dot * Math.fround(this.#queryScale * this.reals[header]!));
    if (this.metric !== EUCLIDEAN) return -product;
    const squares = Math.fround(this.#querySquares + this.reals[header + 1]!);
    return Math.fround(squares - Math.fround(2 * product));
  }

  /** Of the query with a slot, from the originals; higher is better. */
  score(slot: number): number {
    const at = (slot + 1) * this.floats;
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
      const originals = new Float32Array((capacity + 1) * this.floats);
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

  /** Checks a vector, brings a cosine one to length 1, and makes it original 0. */
  readVector(values: Float32Array, from: number): number {
    const { dimensions, floats, originals } = this;
    const isCosine = this.metric === COSINE;
    for (let i = 0; i < dimensions; i += 1) {
      const value = values[from + i]!;
      if (!(value - value === 0)) return FAILURE.notFinite;
      if (!isCosine && (value > COMPONENT_LIMIT || value < -COMPONENT_LIMIT)) {
        return FAILURE.tooLarge;
      }
      originals[i] = value;
    }
    if (!isCosine) return 0;
    const squares = dotOriginals(originals, 0, 0, floats);
    if (squares === 0) return FAILURE.noDirection;
    const scale = 1 / Math.sqrt(squares);
    for (let i = 0; i < dimensions; i += 1) originals[i] = originals[i]! * scale;
    return 0;
  }

  /** Makes a vector the query of the next search. */
  readQuery(values: Float32Array, from: number): number {
    const failure = this.readVector(values, from);
    if (failure !== 0) return failure;
    if (this.narrow === null) {
      this.#codeInt8(QUERY);
    } else {
      const original = this.originals.subarray(0, this.floats);
      this.#queryScale = this.narrow.ask(original);
      this.#querySquares = Math.fround(dotOriginals(original, 0, 0, this.floats));
    }
    return 0;
  }

  /** Codes and the first fields of the header of a slot, or of the query, from original 0. */
  #codeInt8(slot: number): void {
    const { originals, codes, floats, codeBytes, strideBytes } = this;
    const block = codes.subarray((slot + 1) * strideBytes, (slot + 1) * strideBytes + codeBytes);
    const { scale, sum } = codeLanes(originals, this.dimensions, block, codeBytes);
    this.#setCodes(slot, scale, dotOriginals(originals, 0, 0, floats), sum);
  }

  #codeNarrow(narrow: NarrowCodes, slot: number): void {
    const original = this.originals.subarray(0, this.floats);
    const start = (slot + 1) * this.strideBytes;
    const block = this.bytes.subarray(start, start + this.codeBytes);
    const exact = dotOriginals(original, 0, 0, this.floats);
    const { scale, squares } = narrow.encode(original, exact, block);
    const sum = block.reduce((all, byte) => all + byte, 0);
    this.#setCodes(slot, scale, squares, sum);
  }

  #setCodes(slot: number, scale: number, squares: number, sum: number): void {
    const header = this.headerOf(slot);
    this.reals[header] = scale;
    this.reals[header + 1] = squares;
    this.signed[header + 2] = sum;
  }

  /** See `Kernel.encode`. */
  encode(values: Float32Array, count: number, out: Uint8Array): number {
    const { narrow, subvectors } = this;
    if (narrow === null || subvectors === 0) return FAILURE.outOfRange;
    if (!(out instanceof Uint8Array && out.length >= count * subvectors)) return FAILURE.outOfRange;
    const codes = new Uint8Array(this.codeBytes);
    for (let i = 0; i < count; i += 1) {
      const failure = this.readVector(values, i * this.dimensions);
      if (failure !== 0) return failure;
      narrow.encode(this.originals.subarray(0, this.floats), 0, codes);
      out.set(codes.subarray(0, subvectors), i * subvectors);
    }
    return 0;
  }

  /** Stores a vector without linking it. Answers its slot or a failure. */
  add(values: Float32Array, key: number): number {
    const level = this.#levelOfKey(key);
    const isReused = this.freeSlot !== NONE;
    const slot = isReused ? this.freeSlot : this.slotCount;
    let failure = isReused ? 0 : this.reserveSlots(slot + 1);
    if (failure === 0) failure = this.reserveRows(this.rowCount + level);
    if (failure === 0) failure = this.readVector(values, 0);
    if (failure !== 0) return failure;
    if (isReused) this.freeSlot = this.words[this.baseLinksOf(slot)]!;
    else this.slotCount += 1;
    if (this.narrow === null) this.#codeInt8(slot);
    else this.#codeNarrow(this.narrow, slot);
    this.originals.copyWithin((slot + 1) * this.floats, 0, this.floats);
    this.setNode(slot, 0, level, STATE.pending);
    let first = NONE;
    for (let l = 0; l < level; l += 1) {
      let row = this.freeRow;
      if (row === NONE) row = this.rowCount++;
      else this.freeRow = this.rows[row * this.rowWords]!;
      this.rows[row * this.rowWords] = first;
      this.rows[row * this.rowWords + 1] = 0;
      first = row;
    }
    this.words[this.headerOf(slot) + 3] = first;
    this.setFirstTwin(slot, NONE);
    this.putPending(slot);
    return slot;
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

  #levelOfKey(key: number): number {
    const threshold = Math.floor(0x1_0000_0000 / this.neighbours);
    let level = 0;
    let state = key | 0;
    while (level < LEVEL_MAX) {
      state = (state + 0x9e3779b9) | 0;
      let h = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
      h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
      h ^= h >>> 16;
      if (h >>> 0 >= threshold) break;
      level += 1;
    }
    return level;
  }
}

const COMPONENT_LIMIT = Math.fround(COMPONENT_MAX);

export function hasBit(bits: Uint8Array, slot: number): boolean {
  return ((bits[slot >> 3]! >> (slot & 7)) & 1) === 1;
}

export function setBit(bits: Uint8Array, slot: number): void {
  bits[slot >> 3]! |= 1 << (slot & 7);
}

export function clearBit(bits: Uint8Array, slot: number): void {
  bits[slot >> 3]! &= ~(1 << (slot & 7));
}
