// The memory of one index: blocks (codes and links of a slot side by side), originals, and the
// links of upper levels in rows of their own. Chunks never move; only small arrays are outgrown.
//
// A block: codes (int8: padded to 8 bytes), Header, links of level 0. Blocks follow each other without a gap.
#pragma once
#include "checksum.h"
#include "distance.h"
#include "heaps.h"
#include "memory.h"
#include "outside.h"
#include "types.h"

struct Header {
  // Codes times scale are the vector; of bits the factor of codes.h.
  float scale;
  // Sum of the squares of the vector; of product quantization that of its centroids.
  float squares;
  // Of int8 codes the sum, of others the sum of their bytes.
  i32 codeSum;
  // First of a chain of rows, one a level above 0.
  u32 firstRow;
  // First of the chain of its twins.
  u32 firstTwin;
  u16 linkCount;
  u8 level;
  u8 state;
};

// Links of one node on one upper level.
struct Row {
  u32 next;
  u32 linkCount;
  u32 links[NEIGHBOURS_MAX];
};

struct Index {
  u32 dimensions, floats, codeBytes, stride, metric, neighbours, breadth, rowBytes;
  // Of `Codes`; how many bits a component has, of 4, 2 and 1; parts of product quantization.
  u32 codes, bits, subvectors;
  // A query in int8, which is also the node where codes are int8, is padded to this.
  u32 laneBytes;
  // Slots that were ever used; rows likewise.
  u32 slotCount, slotCapacity, rowCount;
  // Nodes of the graph and their twins; removed nodes; vectors that wait for `link`.
  u32 linked, dead, pending;
  u32 entry, topLevel, freeSlot, freeRow, sweepAt;
  u16 epoch;
  // Between beginImport and finishImport nothing may look at what was read.
  bool isImporting;
  // The originals lie outside: chunks of them are never made, each is asked for when it is needed.
  bool isOutside;
  // Results of the last walk, farthest at the root.
  u32 resultCount;
  u8* query;
  float* queryOriginal;
  // Of the narrow codes, null where they need none: codes.h.
  float* signs;
  float* rotated;
  float* codebook;
  float* products;
  i16* tables;
  Candidate* results;
  Candidate* sorted;
  Candidate* chosen;
  Ranked* ranked;
  // One element a slot of the capacity.
  u16* visited;
  u8* linkedBits;
  u8* allowedBits;
  u32* pendingSlots;
  u32* deadSlots;
  Candidate* walk;
  // Of a snapshot: the checksum of each original, and a bit for each that nobody has looked at yet.
  u32 importedSlots;
  u32* sums;
  u8* uncheckedBits;
  // Nodes of the graph that others may not be linked to yet: see batch.h.
  u32 joiningCount;
  const u32* joining;
  // Steps of the check of a snapshot that are done, and the rows that it found in chains.
  u32 checkedSteps;
  u8* rowsTaken;
  // Where originals lie outside: those that were asked for last, a place for each slot modulo the number
  // of places; whose they are; and that of the node that asks for distances.
  u32 windowCount;
  float* window;
  u32* windowSlots;
  float* asking;
  // An original was not what was saved, and somebody went on without it.
  bool isDamaged;
  u64 bytes;
  u8* blocks[CHUNKS_MAX];
  float* originals[CHUNKS_MAX];
  u8* rows[CHUNKS_MAX];
};

static inline u8* blockOf(const Index& x, u32 slot) {
  return x.blocks[slot / CHUNK_SLOTS] + (size)(slot % CHUNK_SLOTS) * x.stride;
}
static inline Header& headerOf(const Index& x, const u8* block) {
  return *(Header*)(block + x.codeBytes);
}
static inline Header& headerAt(const Index& x, u32 slot) { return headerOf(x, blockOf(x, slot)); }
static inline u32* baseLinks(const Index& x, u8* block) {
  return (u32*)(block + x.codeBytes + sizeof(Header));
}
static inline float* originalOf(const Index& x, u32 slot) {
  return x.originals[slot / CHUNK_SLOTS] + (size)(slot % CHUNK_SLOTS) * x.floats;
}
static inline Row& rowAt(const Index& x, u32 row) {
  return *(Row*)(x.rows[row / CHUNK_SLOTS] + (size)(row % CHUNK_SLOTS) * x.rowBytes);
}
// The caller knows that the node reaches this level, which is at least 1.
static inline Row& rowOf(const Index& x, u32 slot, u32 level) {
  u32 row = headerAt(x, slot).firstRow;
  for (u32 l = 1; l < level; l++) row = rowAt(x, row).next;
  return rowAt(x, row);
}

static inline bool hasBit(const u8* bits, u32 slot) { return (bits[slot >> 3] >> (slot & 7)) & 1; }
static inline void setBit(u8* bits, u32 slot) { bits[slot >> 3] |= (u8)(1 << (slot & 7)); }
static inline void clearBit(u8* bits, u32 slot) { bits[slot >> 3] &= (u8)~(1 << (slot & 7)); }

// An original as it may be used: one of a snapshot is checked when it is touched first. Null where it
// is not what was saved. Valid until the next is asked for.
static const float* originalFor(Index& x, u32 slot) {
  const float* original;
  if (x.isOutside) {
    // What was asked for lately is still there.
    const u32 place = slot % x.windowCount;
    float* window = x.window + (size)place * x.floats;
    if (x.windowSlots[place] != slot) loadOriginal(slot, window);
    x.windowSlots[place] = slot;
    original = window;
  } else {
    original = originalOf(x, slot);
  }
  if (x.uncheckedBits == nullptr || slot >= x.importedSlots || !hasBit(x.uncheckedBits, slot)) {
    return original;
  }
  if (checksum((const u8*)original, x.floats * sizeof(float), 0) != x.sums[slot]) return nullptr;
  if (!areFinite(original, x.floats)) return nullptr;
  clearBit(x.uncheckedBits, slot);
  return original;
}

// Higher is better.
static inline double scoreOf(const Index& x, const float* query, const float* original) {
  if (x.metric == EUCLIDEAN) return -squaredDistance(query, original, x.floats);
  return dotOriginals(query, original, x.floats);
}

static void storeOriginalOf(Index& x, u32 slot, const float* original) {
  if (x.isOutside) {
    storeOriginal(slot, original);
    if (x.windowSlots[slot % x.windowCount] == slot) x.windowSlots[slot % x.windowCount] = NONE;
  } else copyBytes(originalOf(x, slot), original, x.floats * sizeof(float));
  if (slot < x.importedSlots && x.uncheckedBits != nullptr) clearBit(x.uncheckedBits, slot);
}

static inline size blockChunkBytes(const Index& x) { return (size)CHUNK_SLOTS * x.stride; }
static inline size originalChunkBytes(const Index& x) {
  return (size)CHUNK_SLOTS * x.floats * sizeof(float);
}
static inline size rowChunkBytes(const Index& x) { return (size)CHUNK_SLOTS * x.rowBytes; }

static void* take(Index& x, size bytes) {
  void* at = obtain(bytes);
  if (at != nullptr) x.bytes += bytes;
  return at;
}

static void giveBack(Index& x, void* at, size bytes) {
  if (at == nullptr) return;
  x.bytes -= bytes;
  release(at, bytes);
}

// One array of those that have an element a slot.
struct SlotArray {
  void** at;
  // Bits an element.
  u32 bits;
};

static const u32 SLOT_ARRAYS = 6;
static void slotArrays(Index& x, SlotArray* out) {
  out[0] = {(void**)&x.visited, 16};
  out[1] = {(void**)&x.linkedBits, 1};
  out[2] = {(void**)&x.allowedBits, 1};
  out[3] = {(void**)&x.pendingSlots, 32};
  out[4] = {(void**)&x.deadSlots, 32};
  out[5] = {(void**)&x.walk, 64};
}

static u32 slotArrayCapacity(u32 slots) {
  u32 capacity = CHUNK_SLOTS;
  while (capacity < slots) capacity *= 2;
  return capacity;
}

// Makes the arrays with an element a slot larger; all of them or none.
static i32 outgrowSlotArrays(Index& x, u32 slots) {
  const u32 before = x.slotCapacity;
  const u32 after = slotArrayCapacity(slots);
  SlotArray arrays[SLOT_ARRAYS];
  void* grown[SLOT_ARRAYS];
  slotArrays(x, arrays);
  for (u32 i = 0; i < SLOT_ARRAYS; i++) {
    grown[i] = take(x, (size)after * arrays[i].bits / 8);
    if (grown[i] == nullptr) {
      while (i-- > 0) giveBack(x, grown[i], (size)after * arrays[i].bits / 8);
      return NO_MEMORY;
    }
  }
  for (u32 i = 0; i < SLOT_ARRAYS; i++) {
    const size bytes = (size)before * arrays[i].bits / 8;
    if (bytes > 0) copyBytes(grown[i], *arrays[i].at, bytes);
    giveBack(x, *arrays[i].at, bytes);
    *arrays[i].at = grown[i];
  }
  x.slotCapacity = after;
  return 0;
}

// Makes room for so many slots. Answers 0 or a failure; what was there stays as it was.
static i32 reserveSlots(Index& x, u32 slots) {
  if (slots > SLOTS_MAX) return FULL;
  if (slots > x.slotCapacity) {
    const i32 failure = outgrowSlotArrays(x, slots);
    if (failure != 0) return failure;
  }
  // From the last chunk back: those before it are there, unless a snapshot is read.
  for (u32 chunk = (slots + CHUNK_SLOTS - 1) / CHUNK_SLOTS; chunk-- > 0;) {
    const bool hasOriginals = x.isOutside || x.originals[chunk] != nullptr;
    if (x.blocks[chunk] != nullptr && hasOriginals) break;
    if (x.blocks[chunk] == nullptr) x.blocks[chunk] = (u8*)take(x, blockChunkBytes(x));
    if (!hasOriginals) x.originals[chunk] = (float*)take(x, originalChunkBytes(x));
    if (x.blocks[chunk] == nullptr) return NO_MEMORY;
    if (!x.isOutside && x.originals[chunk] == nullptr) return NO_MEMORY;
  }
  return 0;
}

static i32 reserveRows(Index& x, u32 rows) {
  if (rows > SLOTS_MAX) return FULL;
  for (u32 chunk = (rows + CHUNK_SLOTS - 1) / CHUNK_SLOTS; chunk-- > 0;) {
    if (x.rows[chunk] != nullptr) break;
    x.rows[chunk] = (u8*)take(x, rowChunkBytes(x));
    if (x.rows[chunk] == nullptr) return NO_MEMORY;
  }
  return 0;
}

// The level of a node follows from its key alone: a node reaches the next level with a chance of
// one in `neighbours`.
static u32 levelOf(const Index& x, u32 key) {
  const u32 threshold = (u32)(0x100000000ull / x.neighbours);
  u32 level = 0;
  u32 state = key;
  while (level < LEVEL_MAX) {
    // The finalizer of MurmurHash3 over a counter.
    state += 0x9e3779b9u;
    u32 h = state;
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    h ^= h >> 16;
    if (h >= threshold) break;
    level++;
  }
  return level;
}

static void freeRows(Index& x, Header& header) {
  u32 row = header.firstRow;
  for (u32 l = 0; l < header.level; l++) {
    const u32 next = rowAt(x, row).next;
    rowAt(x, row).next = x.freeRow;
    rowAt(x, row).linkCount = 0;
    x.freeRow = row;
    row = next;
  }
  header.firstRow = NONE;
  header.level = 0;
}

static void freeSlot(Index& x, u32 slot) {
  Header& header = headerAt(x, slot);
  freeRows(x, header);
  header.state = FREE;
  header.linkCount = 0;
  // The first link holds the next free slot; a count of 0 says that it is no link.
  baseLinks(x, blockOf(x, slot))[0] = x.freeSlot;
  x.freeSlot = slot;
}

// The first link of a pending node holds its place in the list.
static void putPending(Index& x, u32 slot) {
  headerAt(x, slot).state = PENDING;
  baseLinks(x, blockOf(x, slot))[0] = x.pending;
  x.pendingSlots[x.pending++] = slot;
}

static void takePending(Index& x, u32 slot) {
  const u32 place = baseLinks(x, blockOf(x, slot))[0];
  const u32 last = x.pendingSlots[--x.pending];
  x.pendingSlots[place] = last;
  baseLinks(x, blockOf(x, last))[0] = place;
}
