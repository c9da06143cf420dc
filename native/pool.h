// Candidates and results of a walk without a filter, in one array: nearest first, each with a mark until its
// links have been followed. The next to follow is the first with a mark; what falls out at the end would never
// be followed. Two heaps cost more, since most of what they move is never looked at.
// src/memory/index/javascript/pool.ts keeps equal distances in the same order.
#pragma once
#include "types.h"

// Slots are far below.
static const u32 UNFOLLOWED = 0x80000000u;

struct Pool {
  Candidate* items;
  u32 count, breadth;
  // Nothing before it has a mark.
  u32 next;
};

static inline bool isWanted(const Pool& pool, float distance) {
  return pool.count < pool.breadth || distance < pool.items[pool.count - 1].distance;
}

// Behind those that are as near. The caller has asked whether it is wanted.
static inline void putCandidate(Pool& pool, float distance, u32 marked) {
  u32 at = 0;
  for (u32 left = pool.count; left > 0;) {
    const u32 half = (left + 1) / 2;
    at = pool.items[at + half - 1].distance <= distance ? at + half : at;
    left -= half;
  }
  const u32 moved = pool.count < pool.breadth ? pool.count++ - at : pool.count - 1 - at;
  __builtin_memmove(pool.items + at + 1, pool.items + at, moved * sizeof(Candidate));
  pool.items[at] = {distance, marked};
  if (at < pool.next) pool.next = at;
}

// Takes the mark from the nearest that has one; NONE where nothing has.
static inline u32 followNext(Pool& pool) {
  while (pool.next < pool.count && pool.items[pool.next].slot < UNFOLLOWED) pool.next++;
  if (pool.next == pool.count) return NONE;
  return pool.items[pool.next++].slot &= ~UNFOLLOWED;
}
