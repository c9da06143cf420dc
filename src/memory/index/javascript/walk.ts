/** Walks through the graph as native/walk.h does them. */
import { NONE } from '../kernel.js';
import { NEIGHBOURS_MAX, POOL_BREADTH_MAX } from '../limits.js';
import { hasBit, QUERY, type Arena } from './arena.js';
import { dropFarthest, dropNearest, pushFarthest, pushNearest } from './heaps.js';
import { Pool } from './pool.js';
import { nextTwinOf } from './twins.js';

/** Links of a node on a level: an array, where they begin in it, and how many. */
export interface Links {
  array: Uint32Array;
  at: number;
  count: number;
}

export function makeLinks(): Links {
  return { array: new Uint32Array(0), at: 0, count: 0 };
}

/** So that no object is made in the hot loop. */
const walked = makeLinks();

export function readLinks(x: Arena, slot: number, level: number, out: Links): void {
  if (level === 0) {
    out.array = x.words;
    out.at = x.baseLinksOf(slot);
    out.count = x.linkCountOf(slot);
  } else if (x.levelOf(slot) < level) {
    out.count = 0;
  } else {
    const row = x.rowOf(slot, level);
    out.array = x.rows;
    out.at = row + 2;
    out.count = x.rows[row + 1]!;
  }
}

export function beginVisits(x: Arena): void {
  x.epoch = (x.epoch + 1) & 0xffff;
  if (x.epoch === 0) {
    x.visited.fill(0);
    x.epoch = 1;
  }
}

/** Walks down from the top to the level above `level`, always to the nearest neighbour. */
export function descend(x: Arena, query: number, level: number): number {
  let at = x.entry;
  let best = x.distance(query, at);
  for (let l = x.topLevel; l > level; l -= 1) {
    for (let isNearer = true; isNearer;) {
      isNearer = false;
      readLinks(x, at, l, walked);
      for (let j = 0; j < walked.count; j += 1) {
        const slot = walked.array[walked.at + j]!;
        if (x.levelOf(slot) < l) continue;
        const distance = x.distance(query, slot);
        if (distance < best) {
          best = distance;
          at = slot;
          isNearer = true;
        }
      }
    }
  }
  return at;
}

function keepResult(x: Arena, distance: number, slot: number, breadth: number): void {
  pushFarthest(x.results, distance, slot);
  if (x.results.count > breadth) dropFarthest(x.results);
}

/** Twins are as near as their node; those that do not fit are left out. */
function keepTwins(
  x: Arena,
  first: number,
  distance: number,
  breadth: number,
  allowed: Uint8Array | null,
): void {
  const { results, visited, epoch } = x;
  for (let slot = first; slot !== NONE; slot = nextTwinOf(x, slot)) {
    if (results.count >= breadth && !(distance < results.distances[0]!)) return;
    if (visited[slot] === epoch) continue;
    visited[slot] = epoch;
    if (allowed === null || hasBit(allowed, slot)) keepResult(x, distance, slot, breadth);
  }
}

/** Algorithm 2 with two heaps. */
function walkWithHeaps(
  x: Arena,
  query: number,
  from: number,
  breadth: number,
  level: number,
  allowed: Uint8Array | null,
  withTwins: boolean,
): void {
  beginVisits(x);
  const { results, walk, visited, epoch } = x;
  walk.count = 0;
  results.count = 0;
  const first = x.distance(query, from);
  visited[from] = epoch;
  pushNearest(walk, first, from);
  if (allowed === null || hasBit(allowed, from)) pushFarthest(results, first, from);
  if (withTwins) keepTwins(x, x.firstTwinOf(from), first, breadth, allowed);
  while (walk.count > 0) {
    if (results.count >= breadth && walk.distances[0]! > results.distances[0]!) break;
    const current = walk.slots[0]!;
    dropNearest(walk);
    readLinks(x, current, level, walked);
    for (let j = 0; j < walked.count; j += 1) {
      const slot = walked.array[walked.at + j]!;
      if (visited[slot] === epoch) continue;
      visited[slot] = epoch;
      if (level > 0 && x.levelOf(slot) < level) continue;
      const distance = x.distance(query, slot);
      if (results.count >= breadth && !(distance < results.distances[0]!)) continue;
      pushNearest(walk, distance, slot);
      if (allowed === null || hasBit(allowed, slot)) keepResult(x, distance, slot, breadth);
      if (withTwins) keepTwins(x, x.firstTwinOf(slot), distance, breadth, allowed);
    }
  }
}

/** They are never followed. */
function putTwins(x: Arena, pool: Pool, first: number, distance: number): void {
  const { visited, epoch } = x;
  for (let slot = first; slot !== NONE; slot = nextTwinOf(x, slot)) {
    if (!pool.isWanted(distance)) return;
    if (visited[slot] === epoch) continue;
    visited[slot] = epoch;
    pool.put(distance, slot, false);
  }
}

const fresh = new Uint32Array(2 * NEIGHBOURS_MAX);

/** The same with one array, for breadths that are usual and all nodes. */
function walkWithPool(
  x: Arena,
  query: number,
  from: number,
  breadth: number,
  level: number,
  withTwins: boolean,
): void {
  beginVisits(x);
  const { results, sorted, visited, epoch } = x;
  const pool = new Pool(sorted, breadth);
  const visit = (slot: number): void => {
    const distance = x.distance(query, slot);
    if (!pool.isWanted(distance) || x.levelOf(slot) < level) return;
    pool.put(distance, slot, true);
    if (withTwins) putTwins(x, pool, x.firstTwinOf(slot), distance);
  };
  visited[from] = epoch;
  visit(from);
  for (let current = pool.followNext(); current !== NONE; current = pool.followNext()) {
    readLinks(x, current, level, walked);
    // All are visited before the first is compared: a twin of one may be among them.
    let count = 0;
    for (let j = 0; j < walked.count; j += 1) {
      const slot = walked.array[walked.at + j]!;
      if (visited[slot] === epoch) continue;
      visited[slot] = epoch;
      fresh[count] = slot;
      count += 1;
    }
    for (let j = 0; j < count; j += 1) visit(fresh[j]!);
  }
  results.count = sorted.count;
  for (let i = 0; i < sorted.count; i += 1) {
    results.distances[i] = sorted.distances[sorted.count - 1 - i]!;
    results.slots[i] = sorted.slots[sorted.count - 1 - i]!;
  }
}

/** Leaves the `breadth` nearest in x.results. */
export function searchLevel(
  x: Arena,
  query: number,
  from: number,
  breadth: number,
  level: number,
  allowed: Uint8Array | null,
  withTwins: boolean,
): void {
  const isByCodes = x.narrow === null || query === QUERY;
  if (allowed === null && breadth <= POOL_BREADTH_MAX && isByCodes) {
    walkWithPool(x, query, from, breadth, level, withTwins);
  } else {
    walkWithHeaps(x, query, from, breadth, level, allowed, withTwins);
  }
}
