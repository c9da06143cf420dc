// Searches: by the graph, by a scan of what a filter allows, or exactly.
#pragma once
#include "graph.h"

static inline u32 countBits(u8 byte) { return (u32)__builtin_popcount(byte); }

// The linked slots that the filter allows, in x.allowedBits. Answers how many.
static u32 applyFilter(Index& x, const u8* filter, u32 filterBytes) {
  const u32 bytes = (x.slotCount + 7) / 8;
  u32 count = 0;
  for (u32 i = 0; i < bytes; i++) {
    const u8 byte = i < filterBytes ? (u8)(x.linkedBits[i] & filter[i]) : 0;
    x.allowedBits[i] = byte;
    count += countBits(byte);
  }
  return count;
}

// A scan compares `allowed` codes that follow one another; a walk finds about twelve new neighbours
// a step and has to take more steps the fewer of them are allowed. One of a scan costs about a third.
static inline bool isScanCheaper(const Index& x, u32 allowed, u32 breadth) {
  return (u64)allowed * allowed <= (u64)36 * breadth * x.linked;
}

struct Filter {
  const u8* bits;
  u32 bytes;
};

static inline bool allows(const Filter& filter, u32 slot) {
  if (filter.bits == nullptr) return true;
  return (slot >> 3) < filter.bytes && hasBit(filter.bits, slot);
}

static void scanBits(Index& x, const u8* bits, u32 breadth) {
  const u32 bytes = (x.slotCount + 7) / 8;
  for (u32 i = 0; i < bytes; i++) {
    for (u32 rest = bits[i]; rest != 0; rest &= rest - 1) {
      offerResult(x, theQuery(x), i * 8 + (u32)__builtin_ctz(rest), breadth);
    }
  }
}

// What a walk may have missed, since not all that will link to it do so yet.
static void offerJoining(Index& x, const u8* kept, u32 breadth) {
  for (u32 i = 0; i < x.joiningCount; i++) {
    const u32 slot = x.joining[i];
    if (x.visited[slot] == x.epoch || (kept != nullptr && !hasBit(kept, slot))) continue;
    offerResult(x, theQuery(x), slot, breadth);
  }
}

// The `breadth` nearest by codes, in x.results.
static void searchCodes(Index& x, const Filter& filter, u32 allowed, u32 breadth) {
  x.resultCount = 0;
  const bool isFiltered = filter.bits != nullptr;
  if (x.entry != NONE && (!isFiltered || allowed > 0)) {
    if (isFiltered && isScanCheaper(x, allowed, breadth)) {
      scanBits(x, x.allowedBits, breadth);
    } else {
      const u8* kept = isFiltered ? x.allowedBits : x.dead > 0 ? x.linkedBits : nullptr;
      const u32 from = descend(x, theQuery(x), 0);
      searchLevel(x, theQuery(x), from, breadth, 0, kept, true);
      offerJoining(x, kept, breadth);
    }
  }
  for (u32 i = 0; i < x.pending; i++) {
    const u32 slot = x.pendingSlots[i];
    if (allows(filter, slot)) offerResult(x, theQuery(x), slot, breadth);
  }
}

static u32 rankByCodes(Index& x, u32 k) {
  u32 count = 0;
  for (u32 i = 0; i < x.resultCount; i++) {
    const Candidate item = x.results[i];
    offerRanked(x.ranked, count, k, {-(double)item.distance, item.slot});
  }
  return count;
}

// False where the original of the slot is not what was saved.
static bool rankOne(Index& x, u32 slot, u32 k, u32& count) {
  const float* original = originalFor(x, slot);
  if (original == nullptr) return false;
  offerRanked(x.ranked, count, k, {scoreOf(x, x.queryOriginal, original), slot});
  return true;
}

// The `k` best of x.results: of the `rescored` nearest by codes by their originals, or for 0 by codes.
// This and the next answer how many were ranked, or a failure.
static i32 rankResults(Index& x, u32 k, u32 rescored) {
  if (rescored == 0) return (i32)rankByCodes(x, k);
  keepNearest(x.results, x.resultCount, rescored);
  for (u32 i = 0; i < x.resultCount && !x.isOutside; i++) {
    const u8* original = (const u8*)originalOf(x, x.results[i].slot);
    for (u32 at = 0; at < x.floats * sizeof(float); at += 64) fetchAhead(original + at);
  }
  u32 count = 0;
  for (u32 i = 0; i < x.resultCount; i++) {
    if (!rankOne(x, x.results[i].slot, k, count)) return DAMAGED;
  }
  return (i32)count;
}

static i32 rankExactly(Index& x, const Filter& filter, u32 k) {
  u32 count = 0;
  const u8* bits = filter.bits == nullptr ? x.linkedBits : x.allowedBits;
  const u32 bytes = (x.slotCount + 7) / 8;
  for (u32 i = 0; i < bytes; i++) {
    for (u32 rest = bits[i]; rest != 0; rest &= rest - 1) {
      if (!rankOne(x, i * 8 + (u32)__builtin_ctz(rest), k, count)) return DAMAGED;
    }
  }
  for (u32 i = 0; i < x.pending; i++) {
    const u32 slot = x.pendingSlots[i];
    if (allows(filter, slot) && !rankOne(x, slot, k, count)) return DAMAGED;
  }
  return (i32)count;
}

// Best first, into slots and scores; the rest of the k places stays as it was.
static void writeRanked(Index& x, u32 count, u32* slots, double* scores) {
  while (count > 0) {
    const u32 at = count - 1;
    const Ranked item = popWorst(x.ranked, count);
    slots[at] = item.slot;
    scores[at] = item.score;
  }
}

// `breadth` 0 compares the originals of all. Answers 0 or the failure of the first bad query.
static i32 searchBatch(Index& x, const float* queries, u32 queryCount, u32 k, u32 breadth,
                       u32 rescored, const Filter& filter, u32* slots, double* scores, u32* counts) {
  if (k < 1 || k > BREADTH_MAX || breadth > BREADTH_MAX) return OUT_OF_RANGE;
  if (rescored > BREADTH_MAX) return OUT_OF_RANGE;
  const u32 allowed = filter.bits == nullptr ? 0 : applyFilter(x, filter.bits, filter.bytes);
  for (u32 i = 0; i < queryCount; i++) {
    const i32 failure = readQuery(x, queries + (size)i * x.dimensions);
    if (failure != 0) return failure;
    i32 count;
    if (breadth == 0) {
      count = rankExactly(x, filter, k);
    } else {
      searchCodes(x, filter, allowed, most(breadth, k));
      count = rankResults(x, k, rescored == 0 ? 0 : most(rescored, k));
    }
    if (count < 0) return count;
    counts[i] = (u32)count;
    writeRanked(x, (u32)count, slots + (size)i * k, scores + (size)i * k);
  }
  return 0;
}
