/** Changes of the graph as native/graph.h makes them, step by step; the reasons are there. */
import { FAILURE, NONE } from '../kernel.js';
import { SWEEP_NODES } from '../limits.js';
import { clearBit, hasBit, setBit, STATE, type Arena } from './arena.js';
import { areInOrder, dropFarthest, pushFarthest } from './heaps.js';
import { addTwin, isTwin, parkTwins, removeTwin } from './twins.js';
import { beginVisits, descend, makeLinks, readLinks, searchLevel } from './walk.js';

/** So that no object is made in the hot loops; the second for what lies beyond a removed node. */
const held = makeLinks();
const beyond = makeLinks();

function setLinkCount(x: Arena, slot: number, level: number, count: number): void {
  if (level === 0) x.setLinkCountOf(slot, count);
  else x.rows[x.rowOf(slot, level) + 1] = count;
}

function capacityOf(x: Arena, level: number): number {
  return level === 0 ? 2 * x.neighbours : x.neighbours;
}

/** Moves x.results to x.sorted, nearest first. */
function sortResults(x: Arena): number {
  const { results, sorted } = x;
  const count = results.count;
  if (areInOrder(results)) {
    for (let at = 0; at < count; at += 1) {
      sorted.distances[at] = results.distances[count - 1 - at]!;
      sorted.slots[at] = results.slots[count - 1 - at]!;
    }
    results.count = 0;
    return count;
  }
  for (let at = count - 1; at >= 0; at -= 1) {
    sorted.distances[at] = results.distances[0]!;
    sorted.slots[at] = results.slots[0]!;
    dropFarthest(results);
  }
  return count;
}

/** Algorithm 4 over x.sorted, into x.chosen. */
function selectNeighbours(x: Arena, count: number, capacity: number): number {
  const { sorted, chosen } = x;
  let kept = 0;
  for (let i = 0; i < count && kept < capacity; i += 1) {
    const item = sorted.distances[i]!;
    const slot = sorted.slots[i]!;
    let isDiverse = true;
    for (let j = 0; j < kept && isDiverse; j += 1) {
      isDiverse = !(x.distance(slot, chosen.slots[j]!) < item);
    }
    if (!isDiverse) continue;
    chosen.distances[kept] = item;
    chosen.slots[kept] = slot;
    kept += 1;
  }
  return kept;
}

export function offerResult(x: Arena, query: number, slot: number, limit: number): void {
  const { results } = x;
  const distance = x.distance(query, slot);
  if (results.count >= limit) {
    if (!(distance < results.distances[0]!)) return;
    dropFarthest(results);
  }
  pushFarthest(results, distance, slot);
}

function writeChosen(x: Arena, slot: number, level: number, count: number): void {
  readLinks(x, slot, level, held);
  for (let j = 0; j < count; j += 1) held.array[held.at + j] = x.chosen.slots[j]!;
  setLinkCount(x, slot, level, count);
}

/** Adds a link from one node to another; a full list is chosen anew. */
function connect(x: Arena, from: number, to: number, distance: number, level: number): void {
  const capacity = capacityOf(x, level);
  readLinks(x, from, level, held);
  for (let j = 0; j < held.count; j += 1) {
    if (held.array[held.at + j] === to) return;
  }
  if (held.count < capacity) {
    held.array[held.at + held.count] = to;
    setLinkCount(x, from, level, held.count + 1);
    return;
  }
  x.results.count = 0;
  pushFarthest(x.results, distance, to);
  for (let j = 0; j < held.count; j += 1) {
    const slot = held.array[held.at + j]!;
    if (x.stateOf(slot) < STATE.linked || x.levelOf(slot) < level) continue;
    offerResult(x, from, slot, capacity + 1);
  }
  writeChosen(x, from, level, selectNeighbours(x, sortResults(x), capacity));
}

/** The nearest nodes of the graph to one that is to be linked, in x.results. */
function searchNodes(x: Arena, slot: number, from: number, breadth: number, level: number): void {
  searchLevel(x, slot, from, breadth, level, x.dead > 0 ? x.linkedBits : null, false);
  if (x.dead === 0) return;
  const { sorted } = x;
  const found = sortResults(x);
  for (let i = 0; i < found; i += 1) {
    const other = sorted.slots[i]!;
    if (other === slot || x.stateOf(other) !== STATE.linked) continue;
    pushFarthest(x.results, sorted.distances[i]!, other);
  }
}

/** A node of the graph to be the twin of, or NONE. Looks at the few nearest only. */
function findTwin(x: Arena, slot: number): number {
  searchNodes(x, slot, descend(x, slot, 0), x.neighbours, 0);
  for (let i = 0; i < x.results.count; i += 1) {
    const other = x.results.slots[i]!;
    if (isTwin(x, slot, other)) return other;
  }
  return NONE;
}

/** Links one node on one level, from where the level above ended. Answers where to go on. */
function linkLevel(x: Arena, slot: number, from: number, level: number): number {
  searchNodes(x, slot, from, x.breadth, level);
  const { sorted, chosen } = x;
  const others = sortResults(x);
  if (others === 0) return from;
  const nearest = sorted.slots[0]!;
  const count = selectNeighbours(x, others, x.neighbours);
  writeChosen(x, slot, level, count);
  const slots = chosen.slots.slice(0, count);
  const distances = chosen.distances.slice(0, count);
  for (let j = 0; j < count; j += 1) connect(x, slots[j]!, slot, distances[j]!, level);
  return nearest;
}

/** Algorithm 1, for a node that is stored already. */
function linkNode(x: Arena, slot: number): void {
  const level = x.levelOf(slot);
  x.setLinkCountOf(slot, 0);
  if (x.entry === NONE) {
    x.entry = slot;
    x.topLevel = level;
  } else {
    const twin = findTwin(x, slot);
    if (twin !== NONE) {
      addTwin(x, slot, twin);
      return;
    }
    const shared = Math.min(level, x.topLevel);
    let at = descend(x, slot, shared);
    for (let l = shared; l >= 0; l -= 1) at = linkLevel(x, slot, at, l);
    if (level > x.topLevel) {
      x.entry = slot;
      x.topLevel = level;
    }
  }
  x.setState(slot, STATE.linked);
  setBit(x.linkedBits, slot);
  x.linked += 1;
}

/** Links up to so many pending vectors. Answers how many are left. */
export function linkPending(x: Arena, nodes: number): number {
  for (let left = nodes; left > 0 && x.pending > 0; left -= 1) {
    const slot = x.pendingSlots[x.pending - 1]!;
    x.takePending(slot);
    linkNode(x, slot);
    sweep(x);
  }
  return x.pending;
}

/** Takes removed nodes out of the links of one node: their own neighbours come in their place. */
function repairLevel(x: Arena, slot: number, level: number): void {
  readLinks(x, slot, level, held);
  let isTouched = false;
  for (let j = 0; j < held.count; j += 1) {
    isTouched ||= !hasBit(x.linkedBits, held.array[held.at + j]!);
  }
  if (!isTouched) return;
  const capacity = capacityOf(x, level);
  beginVisits(x);
  x.visited[slot] = x.epoch;
  x.results.count = 0;
  for (let j = 0; j < held.count; j += 1) {
    const near = held.array[held.at + j]!;
    if (hasBit(x.linkedBits, near)) {
      offerRepair(x, slot, near, level, capacity);
      continue;
    }
    readLinks(x, near, level, beyond);
    for (let i = 0; i < beyond.count; i += 1) {
      const other = beyond.array[beyond.at + i]!;
      if (hasBit(x.linkedBits, other)) offerRepair(x, slot, other, level, capacity);
    }
  }
  const count = selectNeighbours(x, sortResults(x), capacity);
  writeChosen(x, slot, level, count);
  if (count === 0 && x.linked > 1 && level <= x.topLevel) {
    linkLevel(x, slot, descend(x, slot, level), level);
  }
}

function offerRepair(x: Arena, slot: number, other: number, level: number, capacity: number): void {
  if (x.visited[other] === x.epoch) return;
  x.visited[other] = x.epoch;
  if (x.stateOf(other) !== STATE.linked || x.levelOf(other) < level) return;
  offerResult(x, slot, other, 2 * capacity);
}

/** When all nodes have been looked at, nobody links to those that were dead when the round began. */
function endSweep(x: Arena): void {
  let kept = 0;
  for (let i = 0; i < x.dead; i += 1) {
    const slot = x.deadSlots[i]!;
    if (x.stateOf(slot) === STATE.deadBeforeSweep) {
      x.release(slot);
    } else {
      x.setState(slot, STATE.deadBeforeSweep);
      x.deadSlots[kept] = slot;
      kept += 1;
    }
  }
  x.dead = kept;
  x.sweepAt = 0;
}

/** A few steps of the repair that follows removals; nothing to do where nothing is removed. */
function sweep(x: Arena): void {
  for (let i = 0; i < SWEEP_NODES && x.dead > 0; i += 1) {
    if (x.sweepAt >= x.slotCount) {
      endSweep(x);
      continue;
    }
    const slot = x.sweepAt;
    x.sweepAt += 1;
    if (!hasBit(x.linkedBits, slot)) continue;
    for (let l = x.levelOf(slot); l >= 0; l -= 1) repairLevel(x, slot, l);
  }
}

/** Another node to begin at: near the old one on its highest level, or the highest of all. */
function replaceEntry(x: Arena, old: number): void {
  for (let l = x.topLevel; l >= 0; l -= 1) {
    readLinks(x, old, l, held);
    for (let j = 0; j < held.count; j += 1) {
      const slot = held.array[held.at + j]!;
      if (x.stateOf(slot) !== STATE.linked || x.levelOf(slot) < l) continue;
      x.entry = slot;
      x.topLevel = x.levelOf(slot);
      return;
    }
  }
  let best = NONE;
  for (let slot = 0; slot < x.slotCount; slot += 1) {
    if (x.stateOf(slot) !== STATE.linked) continue;
    if (best === NONE || x.levelOf(slot) > x.levelOf(best)) best = slot;
  }
  x.entry = best;
  x.topLevel = best === NONE ? 0 : x.levelOf(best);
}

export function removeVector(x: Arena, slot: number): number {
  if (slot >= x.slotCount) return FAILURE.noSuchSlot;
  const state = x.stateOf(slot);
  if (state === STATE.pending) {
    x.takePending(slot);
    x.release(slot);
    return 0;
  }
  if (state === STATE.twin) {
    removeTwin(x, slot);
    x.release(slot);
    return 0;
  }
  if (state !== STATE.linked) return FAILURE.noSuchSlot;
  parkTwins(x, slot);
  x.setState(slot, STATE.dead);
  clearBit(x.linkedBits, slot);
  x.linked -= 1;
  x.deadSlots[x.dead++] = slot;
  if (slot === x.entry) replaceEntry(x, slot);
  if (x.linked === 0) {
    // Twice: the first round only ages those that died in it.
    endSweep(x);
    endSweep(x);
  }
  sweep(x);
  return 0;
}
