/** Parts of an index as bytes, and the check of what was read, as in native/snapshot.h. */
import { FAILURE, NONE, PART, type Part } from '../kernel.js';
import { LEVEL_MAX, SLOTS_MAX } from '../limits.js';
import { setBit, hasBit, STATE, type Arena } from './arena.js';
import { sumOfBytes } from './store.js';
import { addTwin, nodeOfTwin } from './twins.js';
import { xxh32 } from './xxhash.js';

const WORD_BYTES = 4;

/** A part as the bytes that it lies in. */
function locate(x: Arena, part: Part): { bytes: Uint8Array; start: number; each: number } {
  if (part === PART.blocks) {
    return { bytes: x.bytes, start: x.strideBytes, each: x.strideBytes };
  }
  if (part === PART.sums) {
    return { bytes: new Uint8Array(x.sums.buffer), start: 0, each: WORD_BYTES };
  }
  const isRows = part === PART.rows;
  const { buffer } = isRows ? x.rows : x.originals;
  const each = isRows ? x.rowWords * WORD_BYTES : x.floats * WORD_BYTES;
  return { bytes: new Uint8Array(buffer), start: isRows ? 0 : each, each };
}

function isOutside(x: Arena, part: Part, from: number, count: number): boolean {
  return from + count > (part === PART.rows ? x.rowCount : x.slotCount);
}

/** Originals are checked before they go into another file, or their checksums. */
function readOriginals(
  x: Arena,
  areSums: boolean,
  from: number,
  count: number,
  out: Uint8Array,
): number {
  const bytes = x.floats * WORD_BYTES;
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  for (let i = 0; i < count; i += 1) {
    const at = x.originalFor(from + i);
    if (at < 0) return FAILURE.damaged;
    const original = new Uint8Array(x.originals.buffer, at * WORD_BYTES, bytes);
    if (areSums) view.setUint32(i * WORD_BYTES, xxh32(original, 0), true);
    else out.set(original, i * bytes);
  }
  return 0;
}

export function readPart(
  x: Arena,
  part: Part,
  from: number,
  count: number,
  out: Uint8Array,
): number {
  if (isOutside(x, part, from, count)) return FAILURE.outOfRange;
  if (part === PART.originals || part === PART.sums) {
    return readOriginals(x, part === PART.sums, from, count, out);
  }
  const { bytes, start, each } = locate(x, part);
  out.set(bytes.subarray(start + from * each, start + (from + count) * each));
  return 0;
}

export function writePart(
  x: Arena,
  part: Part,
  from: number,
  count: number,
  bytes: Uint8Array,
): number {
  if (!x.isImporting || isOutside(x, part, from, count)) return FAILURE.outOfRange;
  if (!isKept(x, part)) return FAILURE.outOfRange;
  const place = locate(x, part);
  place.bytes.set(bytes.subarray(0, count * place.each), place.start + from * place.each);
  return 0;
}

/** Whether the bytes of the part are in memory during an import. */
function isKept(x: Arena, part: Part): boolean {
  if (part === PART.sums) return x.sums.length > 0;
  return part !== PART.originals || x.outside === undefined;
}

export function sumPart(
  x: Arena,
  part: Part,
  from: number,
  count: number,
  seed: number,
  out: Uint32Array,
): number {
  if (!x.isImporting || count === 0 || isOutside(x, part, from, count) || !isKept(x, part)) {
    return FAILURE.outOfRange;
  }
  const { bytes, start, each } = locate(x, part);
  out[0] = xxh32(bytes.subarray(start + from * each, start + (from + count) * each), seed);
  return 0;
}

export function beginImport(x: Arena, slots: number, rows: number, hasSums: boolean): number {
  if (slots > SLOTS_MAX || rows > SLOTS_MAX) return FAILURE.full;
  const failure = x.reserveSlots(slots) || x.reserveRows(rows);
  if (failure !== 0) return failure;
  x.slotCount = slots;
  x.importedSlots = slots;
  x.rowCount = rows;
  x.rowsTaken = new Uint8Array((rows >> 3) + 1);
  if (hasSums) {
    x.sums = new Uint32Array(slots);
    x.uncheckedBits = new Uint8Array((slots >> 3) + 1).fill(0xff);
  }
  x.isImporting = true;
  return 0;
}

/** The chain of rows of a node: as long as its level, and no row in two chains. */
function hasSoundRows(x: Arena, slot: number): boolean {
  let row = x.firstRowOf(slot);
  for (let l = x.levelOf(slot); l > 0; l -= 1) {
    if (row >= x.rowCount || hasBit(x.rowsTaken, row)) return false;
    setBit(x.rowsTaken, row);
    if (x.rows[row * x.rowWords + 1]! > x.neighbours) return false;
    row = x.rows[row * x.rowWords]!;
  }
  return row === NONE;
}

function hasSoundNumbers(x: Arena, slot: number): boolean {
  const header = x.headerOf(slot);
  if (!Number.isFinite(x.reals[header]) || !Number.isFinite(x.reals[header + 1])) return false;
  const original = (slot + 1) * x.floats;
  for (let i = 0; x.sums.length === 0 && i < x.floats; i += 1) {
    if (!Number.isFinite(x.originals[original + i])) return false;
  }
  const start = (slot + 1) * x.strideBytes;
  const block = x.bytes.subarray(start, start + x.codeBytes);
  if (x.narrow?.areSound(block) === false) return false;
  const sum = x.narrow === null ? sumOfLanes(x, slot) : sumOfBytes(block);
  return sum === x.signed[header + 2];
}

/** Undefined where a code is out of range. */
function sumOfLanes(x: Arena, slot: number): number | undefined {
  const block = (slot + 1) * x.strideBytes;
  let sum = 0;
  for (let i = 0; i < x.codeBytes; i += 1) {
    const code = x.codes[block + i]!;
    if (code === -128) return undefined;
    sum += code;
  }
  return sum;
}

function hasSoundNode(x: Arena, slot: number): boolean {
  const state = x.stateOf(slot);
  const level = x.levelOf(slot);
  const linkCount = x.linkCountOf(slot);
  // Chains of twins are put together anew.
  x.setFirstTwin(slot, NONE);
  if (state > STATE.deadBeforeSweep || level > LEVEL_MAX) return false;
  if (linkCount > 2 * x.neighbours) return false;
  if (state < STATE.linked && linkCount !== 0) return false;
  if (state === STATE.free && level !== 0) return false;
  return hasSoundRows(x, slot) && hasSoundNumbers(x, slot);
}

function hasSoundLinks(x: Arena, slot: number): boolean {
  const isDead = x.stateOf(slot) >= STATE.dead;
  for (let level = 0; level <= x.levelOf(slot); level += 1) {
    const row = level === 0 ? 0 : x.rowOf(slot, level);
    const array = level === 0 ? x.words : x.rows;
    const at = level === 0 ? x.baseLinksOf(slot) : row + 2;
    const count = level === 0 ? x.linkCountOf(slot) : x.rows[row + 1]!;
    for (let j = 0; j < count; j += 1) {
      const other = array[at + j]!;
      if (other >= x.slotCount) return false;
      // A removed node may link to what others have become since.
      if (isDead) continue;
      if (x.stateOf(other) < STATE.linked || x.levelOf(other) < level) return false;
    }
  }
  return true;
}

/** Puts a slot in the list that its state belongs to; false where what it refers to is not there. */
function takeIn(x: Arena, slot: number): boolean {
  const state = x.stateOf(slot);
  if (state === STATE.free) {
    x.words[x.baseLinksOf(slot)] = x.freeSlot;
    x.freeSlot = slot;
  } else if (state === STATE.pending) {
    x.putPending(slot);
  } else if (state === STATE.twin) {
    const node = nodeOfTwin(x, slot);
    if (node >= x.slotCount || x.stateOf(node) !== STATE.linked) return false;
    addTwin(x, slot, node);
  } else {
    if (!hasSoundLinks(x, slot)) return false;
    if (state === STATE.linked) {
      setBit(x.linkedBits, slot);
      x.linked += 1;
    } else {
      x.deadSlots[x.dead++] = slot;
    }
  }
  return true;
}

/** Checks what was read, two steps a slot. Answers how many are left, or a failure. */
export function checkImport(x: Arena, steps: number): number {
  if (!x.isImporting) return FAILURE.outOfRange;
  const all = 2 * x.slotCount;
  for (let left = steps; left > 0 && x.checkedSteps < all; left -= 1) {
    const step = x.checkedSteps++;
    const isSound = step < x.slotCount ? hasSoundNode(x, step) : takeIn(x, all - 1 - step);
    if (!isSound) return FAILURE.damaged;
  }
  return all - x.checkedSteps;
}

function findFreeRows(x: Arena): void {
  for (let row = x.rowCount - 1; row >= 0; row -= 1) {
    if (hasBit(x.rowsTaken, row)) continue;
    x.rows[row * x.rowWords] = x.freeRow;
    x.rows[row * x.rowWords + 1] = 0;
    x.freeRow = row;
  }
}

/** Whether those that have a vector are those that have an id, a bit each. */
function hasFound(x: Arena, found: Uint8Array): boolean {
  if (found.length < (x.slotCount + 7) >> 3) return false;
  for (let slot = 0; slot < x.slotCount; slot += 1) {
    const state = x.stateOf(slot);
    if (hasBit(found, slot) !== (state !== STATE.free && state < STATE.dead)) return false;
  }
  return true;
}

/** The rest of the check, and what follows from all of it. */
export function finishImport(x: Arena, entry: number, topLevel: number, found: Uint8Array): number {
  const left = checkImport(x, NONE);
  if (left !== 0) return left;
  if (!hasFound(x, found)) return FAILURE.damaged;
  const hasEntry = entry < x.slotCount && x.stateOf(entry) === STATE.linked;
  if (x.linked === 0 ? entry !== NONE || x.dead > 0 : !hasEntry) return FAILURE.damaged;
  if (hasEntry && x.levelOf(entry) !== topLevel) return FAILURE.damaged;
  findFreeRows(x);
  x.rowsTaken = new Uint8Array(0);
  x.entry = entry;
  x.topLevel = hasEntry ? topLevel : 0;
  x.isImporting = false;
  return 0;
}
