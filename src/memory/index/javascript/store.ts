/** Vectors of the caller, as native/store.h reads, codes and stores them. */
import { FAILURE, METRICS, NONE } from '../kernel.js';
import { COMPONENT_MAX, LEVEL_MAX } from '../limits.js';
import { QUERY, STATE, type Arena } from './arena.js';
import { codeLanes } from './codes/int8-codes.js';
import type { NarrowCodes } from './codes/narrow-codes.js';
import { dotOriginals } from './inner-products.js';

const COSINE = METRICS.indexOf('cosine');
const EUCLIDEAN = METRICS.indexOf('euclidean');
const COMPONENT_LIMIT = Math.fround(COMPONENT_MAX);

/** Checks a vector, brings a cosine one to length 1, and makes it original 0. */
function readVector(x: Arena, values: Float32Array, from: number): number {
  const { dimensions, floats, originals } = x;
  const isCosine = x.metric === COSINE;
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
export function readQuery(x: Arena, values: Float32Array, from: number): number {
  const failure = readVector(x, values, from);
  if (failure !== 0) return failure;
  if (x.narrow === null) {
    codeInt8(x, QUERY);
  } else {
    const original = x.originals.subarray(0, x.floats);
    x.queryScale = x.narrow.ask(original);
    x.querySquares = Math.fround(dotOriginals(original, 0, 0, x.floats));
  }
  return 0;
}

/** Codes and the first fields of the header of a slot, or of the query, from original 0. */
function codeInt8(x: Arena, slot: number): void {
  const { originals, codes, floats, codeBytes, strideBytes } = x;
  const block = codes.subarray((slot + 1) * strideBytes, (slot + 1) * strideBytes + codeBytes);
  const lanes = codeLanes(originals, x.dimensions, block, codeBytes);
  let { scale } = lanes;
  let squares = dotOriginals(originals, 0, 0, floats);
  // Why: native/codes.h.
  if (x.metric === COSINE && lanes.squares > 0) scale = 1 / Math.sqrt(lanes.squares);
  if (x.metric === EUCLIDEAN) squares = scale * scale * lanes.squares;
  setCodes(x, slot, scale, squares, lanes.sum);
}

function codeNarrow(x: Arena, narrow: NarrowCodes, slot: number): void {
  const original = x.originals.subarray(0, x.floats);
  const start = (slot + 1) * x.strideBytes;
  const block = x.bytes.subarray(start, start + x.codeBytes);
  const exact = dotOriginals(original, 0, 0, x.floats);
  const { scale, squares } = narrow.encode(original, exact, block);
  setCodes(x, slot, scale, squares, sumOfBytes(block));
}

function setCodes(x: Arena, slot: number, scale: number, squares: number, sum: number): void {
  const header = x.headerOf(slot);
  x.reals[header] = scale;
  x.reals[header + 1] = squares;
  x.signed[header + 2] = sum;
}

export function sumOfBytes(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 1) sum += bytes[i]!;
  return sum;
}

/** See `Kernel.encode`. */
export function encodeVectors(
  x: Arena,
  values: Float32Array,
  count: number,
  out: Uint8Array,
): number {
  const { narrow, subvectors } = x;
  if (x.isImporting || narrow === null || subvectors === 0) return FAILURE.outOfRange;
  if (!(out instanceof Uint8Array && out.length >= count * subvectors)) return FAILURE.outOfRange;
  const codes = new Uint8Array(x.codeBytes);
  for (let i = 0; i < count; i += 1) {
    const failure = readVector(x, values, i * x.dimensions);
    if (failure !== 0) return failure;
    narrow.encode(x.originals.subarray(0, x.floats), 0, codes);
    out.set(codes.subarray(0, subvectors), i * subvectors);
  }
  return 0;
}

/** Stores a vector without linking it. Answers its slot or a failure. */
export function addVector(x: Arena, values: Float32Array, key: number): number {
  const level = levelOfKey(x, key);
  const isReused = x.freeSlot !== NONE;
  const slot = isReused ? x.freeSlot : x.slotCount;
  let failure = isReused ? 0 : x.reserveSlots(slot + 1);
  if (failure === 0) failure = x.reserveRows(x.rowCount + level);
  if (failure === 0) failure = readVector(x, values, 0);
  if (failure !== 0) return failure;
  if (isReused) x.freeSlot = x.words[x.baseLinksOf(slot)]!;
  else x.slotCount += 1;
  if (x.narrow === null) codeInt8(x, slot);
  else codeNarrow(x, x.narrow, slot);
  x.storeOriginal(slot);
  x.setNode(slot, 0, level, STATE.pending);
  let first = NONE;
  for (let l = 0; l < level; l += 1) {
    let row = x.freeRow;
    if (row === NONE) row = x.rowCount++;
    else x.freeRow = x.rows[row * x.rowWords]!;
    x.rows[row * x.rowWords] = first;
    x.rows[row * x.rowWords + 1] = 0;
    first = row;
  }
  x.words[x.headerOf(slot) + 3] = first;
  x.setFirstTwin(slot, NONE);
  x.putPending(slot);
  return slot;
}

function levelOfKey(x: Arena, key: number): number {
  const threshold = Math.floor(0x1_0000_0000 / x.neighbours);
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
