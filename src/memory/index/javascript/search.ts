/** Searches as native/search.h does them: by the graph, by a scan of what a filter allows, or exactly. */
import { FAILURE, NONE } from '../kernel.js';
import { BREADTH_MAX } from '../limits.js';
import { hasBit, QUERY, type Arena } from './arena.js';
import { offerResult } from './graph.js';
import { keepNearest } from './heaps.js';
import { readQuery } from './store.js';
import { descend, searchLevel } from './walk.js';

/** The linked slots that the filter allows, in x.allowedBits. Answers how many. */
function applyFilter(x: Arena, filter: Uint8Array): number {
  const bytes = (x.slotCount + 7) >> 3;
  let count = 0;
  for (let i = 0; i < bytes; i += 1) {
    let byte = i < filter.length ? x.linkedBits[i]! & filter[i]! : 0;
    x.allowedBits[i] = byte;
    for (; byte !== 0; byte &= byte - 1) count += 1;
  }
  return count;
}

/** See native/search.h for the estimate. */
function isScanCheaper(x: Arena, allowed: number, breadth: number): boolean {
  return allowed * allowed <= 36 * breadth * x.linked;
}

function allows(filter: Uint8Array | null, slot: number): boolean {
  if (filter === null) return true;
  return slot >> 3 < filter.length && hasBit(filter, slot);
}

function forEachBit(x: Arena, bits: Uint8Array, visit: (slot: number) => void): void {
  const bytes = (x.slotCount + 7) >> 3;
  for (let i = 0; i < bytes; i += 1) {
    for (let rest = bits[i]!; rest !== 0; rest &= rest - 1) {
      visit(i * 8 + 31 - Math.clz32(rest & -rest));
    }
  }
}

/** The `breadth` nearest by codes, in x.results. */
function searchCodes(x: Arena, filter: Uint8Array | null, allowed: number, breadth: number): void {
  x.results.count = 0;
  if (x.entry !== NONE && (filter === null || allowed > 0)) {
    if (filter !== null && isScanCheaper(x, allowed, breadth)) {
      forEachBit(x, x.allowedBits, (slot) => offerResult(x, QUERY, slot, breadth));
    } else {
      const withoutFilter = x.dead > 0 ? x.linkedBits : null;
      const kept = filter === null ? withoutFilter : x.allowedBits;
      searchLevel(x, QUERY, descend(x, QUERY, 0), breadth, 0, kept, true);
    }
  }
  for (let i = 0; i < x.pending; i += 1) {
    const slot = x.pendingSlots[i]!;
    if (allows(filter, slot)) offerResult(x, QUERY, slot, breadth);
  }
}

/** False where the original of the slot is not what was saved. */
function rankOne(x: Arena, slot: number, k: number): boolean {
  const at = x.originalFor(slot);
  if (at < 0) return false;
  x.ranked.offer(k, x.score(at), slot);
  return true;
}

/** This and the next answer 0 or a failure. */
function rankResults(x: Arena, k: number, rescored: number): number {
  const { results, ranked } = x;
  if (rescored === 0) {
    for (let i = 0; i < results.count; i += 1) {
      ranked.offer(k, -results.distances[i]!, results.slots[i]!);
    }
    return 0;
  }
  keepNearest(results, rescored);
  for (let i = 0; i < results.count; i += 1) {
    if (!rankOne(x, results.slots[i]!, k)) return FAILURE.damaged;
  }
  return 0;
}

function rankExactly(x: Arena, filter: Uint8Array | null, k: number): number {
  const bits = filter === null ? x.linkedBits : x.allowedBits;
  let isSound = true;
  forEachBit(x, bits, (slot) => (isSound &&= rankOne(x, slot, k)));
  for (let i = 0; i < x.pending; i += 1) {
    const slot = x.pendingSlots[i]!;
    if (allows(filter, slot)) isSound &&= rankOne(x, slot, k);
  }
  return isSound ? 0 : FAILURE.damaged;
}

/** See `Kernel.search`. */
export function searchBatch(
  x: Arena,
  queries: Float32Array,
  queryCount: number,
  k: number,
  breadth: number,
  rescored: number,
  filter: Uint8Array | null,
  slots: Uint32Array,
  scores: Float64Array,
  counts: Uint32Array,
): number {
  if (!(k >= 1 && k <= BREADTH_MAX && breadth >= 0 && breadth <= BREADTH_MAX))
    return FAILURE.outOfRange;
  if (!(rescored >= 0 && rescored <= BREADTH_MAX)) return FAILURE.outOfRange;
  const { ranked } = x;
  const allowed = filter === null ? 0 : applyFilter(x, filter);
  for (let i = 0; i < queryCount; i += 1) {
    let failure = readQuery(x, queries, i * x.dimensions);
    if (failure !== 0) return failure;
    ranked.count = 0;
    if (breadth === 0) {
      failure = rankExactly(x, filter, k);
    } else {
      searchCodes(x, filter, allowed, Math.max(breadth, k));
      failure = rankResults(x, k, rescored === 0 ? 0 : Math.max(rescored, k));
    }
    if (failure !== 0) return failure;
    counts[i] = ranked.count;
    while (ranked.count > 0) {
      const at = i * k + ranked.count - 1;
      slots[at] = ranked.slots[0]!;
      scores[at] = ranked.scores[0]!;
      ranked.dropWorst();
    }
  }
  return 0;
}
