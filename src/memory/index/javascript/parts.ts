/** Parts of an index as bytes, and the check of what was read, as in native/snapshot.h. */
import { FAILURE, NONE, PART, type Part } from '../kernel.js';
import { LEVEL_MAX, SLOTS_MAX } from '../limits.js';
import { setBit, hasBit, STATE, type Arena } from './arena.js';
import { addTwin, nodeOfTwin } from './twins.js';

/** A part as the bytes that it lies in. */
function locate(x: Arena, part: Part): { bytes: Uint8Array; start: number; each: number } {
  if (part === PART.blocks) {
    return { bytes: x.bytes, start: x.strideBytes, each: x.strideBytes };
  }
  const isRows = part === PART.rows;
  const { buffer } = isRows ? x.rows : x.originals;
  const each = isRows ? x.rowWords * 4 : x.floats * 4;
  return { bytes: new Uint8Array(buffer), start: isRows ? 0 : each, each };
}

function isOutside(x: Arena, part: Part, from: number, count: number): boolean {
  return from + count > (part === PART.rows ? x.rowCount : x.slotCount);
}

export function readPart(
  x: Arena,
  part: Part,
  from: number,
  count: number,
  out: Uint8Array,
): number {
  if (isOutside(x, part, from, count)) return FAILURE.outOfRange;
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
  const place = locate(x, part);
  place.bytes.set(bytes.subarray(0, count * place.each), place.start + from * place.each);
  return 0;
}

export function beginImport(x: Arena, slots: number, rows: number): number {
  if (x.isImporting || x.slotCount !== 0 || x.rowCount !== 0) return FAILURE.outOfRange;
  if (slots > SLOTS_MAX || rows > SLOTS_MAX) return FAILURE.full;
  const failure = x.reserveSlots(slots) || x.reserveRows(rows);
  if (failure !== 0) return failure;
  x.slotCount = slots;
  x.rowCount = rows;
  x.isImporting = true;
  return 0;
}

/** The chain of rows of a node: as long as its level, and no row in two chains. */
function hasSoundRows(x: Arena, slot: number, rowsTaken: Uint8Array): boolean {
  let row = x.firstRowOf(slot);
  for (let l = x.levelOf(slot); l > 0; l -= 1) {
    if (row >= x.rowCount || hasBit(rowsTaken, row)) return false;
    setBit(rowsTaken, row);
    if (x.rows[row * x.rowWords + 1]! > x.neighbours) return false;
    row = x.rows[row * x.rowWords]!;
  }
  return row === NONE;
}

function hasSoundNumbers(x: Arena, slot: number): boolean {
  const header = x.headerOf(slot);
  if (!Number.isFinite(x.reals[header]) || !Number.isFinite(x.reals[header + 1])) return false;
  const original = (slot + 1) * x.floats;
  for (let i = 0; i < x.floats; i += 1) {
    if (!Number.isFinite(x.originals[original + i])) return false;
  }
  const block = (slot + 1) * x.strideBytes;
  let sum = 0;
  for (let i = 0; i < x.codeBytes; i += 1) {
    const code = x.codes[block + i]!;
    if (code === -128) return false;
    sum += code;
  }
  return sum === x.signed[header + 2];
}

function hasSoundNodes(x: Arena, rowsTaken: Uint8Array): boolean {
  for (let slot = 0; slot < x.slotCount; slot += 1) {
    const state = x.stateOf(slot);
    const level = x.levelOf(slot);
    const linkCount = x.linkCountOf(slot);
    // Chains of twins are put together anew.
    x.setFirstTwin(slot, NONE);
    if (state > STATE.deadBeforeSweep || level > LEVEL_MAX) return false;
    if (linkCount > 2 * x.neighbours) return false;
    if (state < STATE.linked && linkCount !== 0) return false;
    if (state === STATE.free && level !== 0) return false;
    if (!hasSoundRows(x, slot, rowsTaken) || !hasSoundNumbers(x, slot)) return false;
  }
  return true;
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

function findFreeRows(x: Arena, rowsTaken: Uint8Array): void {
  x.freeRow = NONE;
  for (let row = x.rowCount - 1; row >= 0; row -= 1) {
    if (hasBit(rowsTaken, row)) continue;
    x.rows[row * x.rowWords] = x.freeRow;
    x.rows[row * x.rowWords + 1] = 0;
    x.freeRow = row;
  }
}

/** Checks every number that was read, and counts anew what follows from them. */
export function finishImport(x: Arena, entry: number, topLevel: number): number {
  if (!x.isImporting) return FAILURE.outOfRange;
  const rowsTaken = new Uint8Array((x.rowCount >> 3) + 1);
  if (!hasSoundNodes(x, rowsTaken)) return FAILURE.damaged;
  findFreeRows(x, rowsTaken);
  x.freeSlot = NONE;
  for (let slot = x.slotCount - 1; slot >= 0; slot -= 1) {
    const state = x.stateOf(slot);
    if (state === STATE.free) {
      x.words[x.baseLinksOf(slot)] = x.freeSlot;
      x.freeSlot = slot;
    } else if (state === STATE.pending) {
      x.putPending(slot);
    } else if (state === STATE.twin) {
      const node = nodeOfTwin(x, slot);
      if (node >= x.slotCount || x.stateOf(node) !== STATE.linked) return FAILURE.damaged;
      addTwin(x, slot, node);
    } else {
      if (!hasSoundLinks(x, slot)) return FAILURE.damaged;
      if (state === STATE.linked) {
        setBit(x.linkedBits, slot);
        x.linked += 1;
      } else {
        x.deadSlots[x.dead++] = slot;
      }
    }
  }
  const hasEntry = entry < x.slotCount && x.stateOf(entry) === STATE.linked;
  if (x.linked === 0 ? entry !== NONE || x.dead > 0 : !hasEntry) return FAILURE.damaged;
  if (hasEntry && x.levelOf(entry) !== topLevel) return FAILURE.damaged;
  x.entry = entry;
  x.topLevel = hasEntry ? topLevel : 0;
  x.isImporting = false;
  return 0;
}
