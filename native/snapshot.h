// Parts of an index as bytes, to be written to a file and read again, and the check of what was read: bytes
// of a file may be anything.
#pragma once
#include "graph.h"

// Sums are the checksums of the originals, one each: made when they are read, kept when written.
enum Part { BLOCKS = 0, ORIGINALS = 1, ROWS = 2, SUMS = 3, PARTS = 4 };

// Where one element of a part lies, and how long it is.
static inline u8* elementOf(const Index& x, u32 part, u32 at) {
  if (part == BLOCKS) return blockOf(x, at);
  if (part == ORIGINALS) return (u8*)originalOf(x, at);
  if (part == SUMS) return (u8*)(x.sums + at);
  return (u8*)&rowAt(x, at);
}
static inline u32 elementBytes(const Index& x, u32 part) {
  if (part == SUMS) return sizeof(u32);
  return part == BLOCKS ? x.stride : part == ORIGINALS ? x.floats * 4 : x.rowBytes;
}
static inline u32 elementCount(const Index& x, u32 part) {
  return part == ROWS ? x.rowCount : x.slotCount;
}
static inline bool isOutOfRange(const Index& x, u32 part, u32 from, u32 count) {
  return part >= PARTS || (u64)from + count > elementCount(x, part);
}

// Originals of a snapshot are checked before they go into another, so that no damage gets a new checksum.
static i32 readOriginals(Index& x, bool areSums, u32 from, u32 count, u8* out) {
  const u32 bytes = x.floats * sizeof(float);
  for (u32 i = 0; i < count; i++) {
    const float* original = originalFor(x, from + i);
    if (original == nullptr) return DAMAGED;
    if (!areSums) {
      copyBytes(out + (size)i * bytes, original, bytes);
      continue;
    }
    const u32 sum = checksum((const u8*)original, bytes, 0);
    copyBytes(out + (size)i * sizeof(u32), &sum, sizeof(u32));
  }
  return 0;
}

static i32 readPart(Index& x, u32 part, u32 from, u32 count, u8* out) {
  if (x.isImporting || isOutOfRange(x, part, from, count)) return OUT_OF_RANGE;
  if (part == ORIGINALS || part == SUMS) return readOriginals(x, part == SUMS, from, count, out);
  const u32 bytes = elementBytes(x, part);
  for (u32 i = 0; i < count;) {
    const u32 run = least(count - i, CHUNK_SLOTS - (from + i) % CHUNK_SLOTS);
    copyBytes(out + (size)i * bytes, elementOf(x, part, from + i), (size)run * bytes);
    i += run;
  }
  return 0;
}

// Makes room in an empty index; until `finishImport` no other call may be made. `hasSums`: the originals
// are checked by their checksums when they are touched, not all of them at the end.
static i32 beginImport(Index& x, u32 slots, u32 rows, bool hasSums) {
  if (x.isImporting || x.slotCount != 0 || x.rowCount != 0) return OUT_OF_RANGE;
  if (slots > SLOTS_MAX || rows > SLOTS_MAX) return FULL;
  i32 failure = 0;
  for (u32 at = 0; at < slots && failure == 0; at += CHUNK_SLOTS) {
    failure = reserveSlots(x, least(slots, at + CHUNK_SLOTS));
  }
  for (u32 at = 0; at < rows && failure == 0; at += CHUNK_SLOTS) {
    failure = reserveRows(x, least(rows, at + CHUNK_SLOTS));
  }
  if (failure != 0) return failure;
  x.rowsTaken = (u8*)take(x, rows / 8 + 1);
  if (x.rowsTaken == nullptr) return NO_MEMORY;
  x.slotCount = x.importedSlots = slots;
  x.rowCount = rows;
  x.isImporting = true;
  if (hasSums && slots > 0) {
    x.sums = (u32*)take(x, (size)slots * sizeof(u32));
    x.uncheckedBits = (u8*)take(x, slots / 8 + 1);
    if (x.sums == nullptr || x.uncheckedBits == nullptr) return NO_MEMORY;
    __builtin_memset(x.uncheckedBits, 0xff, slots / 8 + 1);
  }
  return 0;
}

static i32 writePart(Index& x, u32 part, u32 from, u32 count, const u8* in) {
  if (!x.isImporting || isOutOfRange(x, part, from, count)) return OUT_OF_RANGE;
  if (part == SUMS && x.sums == nullptr) return OUT_OF_RANGE;
  if (part == ORIGINALS && x.isOutside) return OUT_OF_RANGE;
  const u32 bytes = elementBytes(x, part);
  for (u32 i = 0; i < count;) {
    const u32 run = least(count - i, CHUNK_SLOTS - (from + i) % CHUNK_SLOTS);
    copyBytes(elementOf(x, part, from + i), in + (size)i * bytes, (size)run * bytes);
    i += run;
  }
  return 0;
}

// The checksum of some elements that lie in one chunk, as they were written or mapped.
static i32 sumPart(const Index& x, u32 part, u32 from, u32 count, u32 seed, u32* out) {
  if (!x.isImporting || isOutOfRange(x, part, from, count) || count == 0) return OUT_OF_RANGE;
  if ((part == SUMS && x.sums == nullptr) || (part == ORIGINALS && x.isOutside)) return OUT_OF_RANGE;
  if (part != SUMS && from / CHUNK_SLOTS != (from + count - 1) / CHUNK_SLOTS) return OUT_OF_RANGE;
  *out = checksum(elementOf(x, part, from), (size)count * elementBytes(x, part), seed);
  return 0;
}

// The chain of rows of a node: as long as its level, and no row in two chains.
static bool hasSoundRows(Index& x, const Header& header) {
  u32 row = header.firstRow;
  for (u32 l = 0; l < header.level; l++) {
    if (row >= x.rowCount || hasBit(x.rowsTaken, row)) return false;
    setBit(x.rowsTaken, row);
    if (rowAt(x, row).linkCount > x.neighbours) return false;
    row = rowAt(x, row).next;
  }
  return row == NONE;
}

// Answers what no sum is where a code is out of range.
static i32 sumOfLanes(const Index& x, const u8* block) {
  const i8* codes = (const i8*)block;
  i32 sum = 0;
  u32 bad = 0;
  for (u32 i = 0; i < x.codeBytes; i++) {
    sum += codes[i];
    bad |= codes[i] == -128 ? 1 : 0;
  }
  return bad == 0 ? sum : 0x7fffffff;
}

// Infinity and NaN, which no vector has.
static bool areFiniteHalves(const Index& x, const u8* block) {
  const u16* codes = (const u16*)block;
  u32 bad = 0;
  for (u32 i = 0; i < x.floats; i++) bad |= (codes[i] & 0x7c00) == 0x7c00 ? 1 : 0;
  return bad == 0;
}

static bool hasSoundNumbers(const Index& x, u32 slot) {
  const u8* block = blockOf(x, slot);
  const Header& header = headerOf(x, block);
  if (!areFinite(&header.scale, 2)) return false;
  if (x.sums == nullptr && !areFinite(originalOf(x, slot), x.floats)) return false;
  if (x.codes == FLOAT16 && !areFiniteHalves(x, block)) return false;
  return header.codeSum == (x.codes == INT8 ? sumOfLanes(x, block) : sumOfBytes(x, block));
}

// What a node says of itself. State and level of all are put side by side for the check of links,
// which asks for them in no order. Nothing is written that is there already: a page that is mapped and
// not written stays the file's.
static bool hasSoundNode(Index& x, u32 slot) {
  Header& header = headerAt(x, slot);
  // Chains of twins are put together anew.
  if (header.firstTwin != NONE) header.firstTwin = NONE;
  if (header.state > DEAD_BEFORE_SWEEP || header.level > LEVEL_MAX) return false;
  if (header.linkCount > 2 * x.neighbours) return false;
  if (header.state < LINKED && header.linkCount != 0) return false;
  if (header.state == FREE && header.level != 0) return false;
  x.visited[slot] = (u16)(header.state << 8 | header.level);
  return hasSoundRows(x, header) && hasSoundNumbers(x, slot);
}

static inline u32 stateSeen(const Index& x, u32 slot) { return x.visited[slot] >> 8; }
static inline u32 levelSeen(const Index& x, u32 slot) { return x.visited[slot] & 0xff; }

static bool hasSoundLinks(const Index& x, u32 slot, u32 level) {
  const Links links = linksOf(x, slot, level);
  const bool isDead = stateSeen(x, slot) >= DEAD;
  for (u32 j = 0; j < links.count; j++) {
    const u32 other = links.at[j];
    if (other >= x.slotCount) return false;
    // A removed node may link to what others have become since.
    if (!isDead && (stateSeen(x, other) < LINKED || levelSeen(x, other) < level)) return false;
  }
  return true;
}

// Puts a slot in the list that its state belongs to; false where what it refers to is not there.
static bool takeIn(Index& x, u32 slot) {
  const u32 state = stateSeen(x, slot);
  if (state == FREE) {
    u32& next = baseLinks(x, blockOf(x, slot))[0];
    if (next != x.freeSlot) next = x.freeSlot;
    x.freeSlot = slot;
  } else if (state == PENDING) {
    putPending(x, slot);
  } else if (state == TWIN) {
    const u32 node = twinLinks(x, slot)[TWIN_NODE];
    if (node >= x.slotCount || stateSeen(x, node) != LINKED) return false;
    addTwin(x, slot, node);
  } else {
    for (u32 l = 0; l <= levelSeen(x, slot); l++) {
      if (!hasSoundLinks(x, slot, l)) return false;
    }
    if (state == LINKED) {
      setBit(x.linkedBits, slot);
      x.linked++;
    } else {
      x.deadSlots[x.dead++] = slot;
    }
  }
  return true;
}

// Checks what was read, up to so many steps of two a slot: first each node, then what it links to. Answers
// how many steps are left.
static i32 checkImport(Index& x, u32 steps) {
  if (!x.isImporting) return OUT_OF_RANGE;
  const u32 all = 2 * x.slotCount;
  for (; steps > 0 && x.checkedSteps < all; steps--) {
    const u32 step = x.checkedSteps++;
    if (step < x.slotCount ? !hasSoundNode(x, step) : !takeIn(x, all - 1 - step)) return DAMAGED;
  }
  return (i32)(all - x.checkedSteps);
}

// Frees the rows that no node has.
static void findFreeRows(Index& x) {
  for (u32 row = x.rowCount; row-- > 0;) {
    if (hasBit(x.rowsTaken, row)) continue;
    rowAt(x, row).next = x.freeRow;
    rowAt(x, row).linkCount = 0;
    x.freeRow = row;
  }
}

// Whether those that have a vector are those that have an id, a bit each.
static bool hasFound(const Index& x, const u8* found, u32 foundBytes) {
  if (foundBytes < (x.slotCount + 7) / 8) return false;
  for (u32 slot = 0; slot < x.slotCount; slot++) {
    const u32 state = stateSeen(x, slot);
    if (hasBit(found, slot) != (state != FREE && state < DEAD)) return false;
  }
  return true;
}

// The rest of the check, and what follows from all of it.
static i32 finishImport(Index& x, u32 entry, u32 topLevel, const u8* found, u32 foundBytes) {
  const i32 left = checkImport(x, ~0u);
  if (left != 0) return left;
  if (!hasFound(x, found, foundBytes)) return DAMAGED;
  const bool hasEntry = entry < x.slotCount && stateSeen(x, entry) == LINKED;
  if (x.linked == 0 ? entry != NONE || x.dead > 0 : !hasEntry) return DAMAGED;
  if (hasEntry && levelSeen(x, entry) != topLevel) return DAMAGED;
  findFreeRows(x);
  giveBack(x, x.rowsTaken, x.rowCount / 8 + 1);
  x.rowsTaken = nullptr;
  clearBytes(x.visited, (size)x.slotCount * sizeof(u16));
  x.entry = entry;
  x.topLevel = hasEntry ? topLevel : 0;
  x.isImporting = false;
  return 0;
}
