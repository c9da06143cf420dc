// Binary heaps on plain arrays. src/memory/index/javascript/heaps.ts moves elements in the same way, so that
// equal distances come out in the same order.
#pragma once
#include "types.h"

static inline void pushNearest(Candidate* heap, u32& count, Candidate item) {
  u32 i = count++;
  while (i > 0) {
    const u32 parent = (i - 1) >> 1;
    if (heap[parent].distance <= item.distance) break;
    heap[i] = heap[parent];
    i = parent;
  }
  heap[i] = item;
}

static inline Candidate popNearest(Candidate* heap, u32& count) {
  const Candidate top = heap[0];
  const Candidate item = heap[--count];
  u32 i = 0;
  for (;;) {
    u32 child = 2 * i + 1;
    if (child >= count) break;
    if (child + 1 < count && heap[child + 1].distance < heap[child].distance) child++;
    if (item.distance <= heap[child].distance) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = item;
  return top;
}

static inline void pushFarthest(Candidate* heap, u32& count, Candidate item) {
  u32 i = count++;
  while (i > 0) {
    const u32 parent = (i - 1) >> 1;
    if (heap[parent].distance >= item.distance) break;
    heap[i] = heap[parent];
    i = parent;
  }
  heap[i] = item;
}

static inline Candidate popFarthest(Candidate* heap, u32& count) {
  const Candidate top = heap[0];
  const Candidate item = heap[--count];
  u32 i = 0;
  for (;;) {
    u32 child = 2 * i + 1;
    if (child >= count) break;
    if (child + 1 < count && heap[child + 1].distance > heap[child].distance) child++;
    if (item.distance >= heap[child].distance) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = item;
  return top;
}

// Farthest first: then dropping the first ones leaves a heap, and no element has to be moved into its place.
static inline bool areInOrder(const Candidate* heap, u32 count) {
  for (u32 i = 1; i < count; i++) {
    if (heap[i - 1].distance < heap[i].distance) return false;
  }
  return true;
}

// Leaves the nearest so many of a heap whose root is the farthest.
static inline void keepNearest(Candidate* heap, u32& count, u32 kept) {
  if (count <= kept) return;
  if (areInOrder(heap, count)) {
    __builtin_memmove(heap, heap + (count - kept), kept * sizeof(Candidate));
    count = kept;
  }
  while (count > kept) popFarthest(heap, count);
}

// Lower scores are worse; of equal ones the higher slot.
static inline bool isWorse(const Ranked& a, const Ranked& b) {
  return a.score < b.score || (a.score == b.score && a.slot > b.slot);
}

// Keeps the best `limit`, the worst of them at the root.
static inline void offerRanked(Ranked* heap, u32& count, u32 limit, Ranked item) {
  if (count == limit) {
    if (!isWorse(heap[0], item)) return;
    u32 i = 0;
    for (;;) {
      u32 child = 2 * i + 1;
      if (child >= count) break;
      if (child + 1 < count && isWorse(heap[child + 1], heap[child])) child++;
      if (!isWorse(heap[child], item)) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = item;
    return;
  }
  u32 i = count++;
  while (i > 0) {
    const u32 parent = (i - 1) >> 1;
    if (!isWorse(item, heap[parent])) break;
    heap[i] = heap[parent];
    i = parent;
  }
  heap[i] = item;
}

static inline Ranked popWorst(Ranked* heap, u32& count) {
  const Ranked top = heap[0];
  const Ranked item = heap[--count];
  u32 i = 0;
  for (;;) {
    u32 child = 2 * i + 1;
    if (child >= count) break;
    if (child + 1 < count && isWorse(heap[child + 1], heap[child])) child++;
    if (!isWorse(heap[child], item)) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = item;
  return top;
}
