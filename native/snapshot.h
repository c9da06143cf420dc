// Parts of an index as bytes, to be written to a file and read again, and the check of what was read: bytes
// of a file may be anything.
#pragma once
#include "graph.h"

enum Part { BLOCKS = 0, ORIGINALS = 1, ROWS = 2, PARTS = 3 };

// Where one element of a part lies, and how long it is.
static inline u8* elementOf(const Index& x, u32 part, u32 at) {
  if (part == BLOCKS) return blockOf(x, at);
  if (part == ORIGINALS) return (u8*)originalOf(x, at);
  return (u8*)&rowAt(x, at);
}
static inline u32 elementBytes(const Index& x, u32 part) {
  return part == BLOCKS ? x.stride : part == ORIGINALS ? x.floats * 4 : x.rowBytes;
}
static inline u32 elementCount(const Index& x, u32 part) {
  return part == ROWS ? x.rowCount : x.slotCount;
}

static i32 readPart(const Index& x, u32 part, u32 from, u32 count, u8* out) {
  if (part >= PARTS || (u64)from + count > elementCount(x, part)) return OUT_OF_RANGE;
  const u32 bytes = elementBytes(x, part);
  for (u32 i = 0; i < count;) {
    const u32 run = least(count - i, CHUNK_SLOTS - (from + i) % CHUNK_SLOTS);
    copyBytes(out + (size)i * bytes, elementOf(x, part, from + i), (size)run * bytes);
    i += run;
  }
  return 0;
}

// Makes room in an empty index; until `finishImport` no other call may be made.
static i32 beginImport(Index& x, u32 slots, u32 rows) {
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
  x.slotCount = slots;
  x.rowCount = rows;
  x.isImporting = true;
  return 0;
}

static i32 writePart(Index& x, u32 part, u32 from, u32 count, const u8* in) {
  if (!x.isImporting || part >= PARTS || (u64)from + count > elementCount(x, part)) {
    return OUT_OF_RANGE;
  }
  const u32 bytes = elementBytes(x, part);
  for (u32 i = 0; i < count;) {
    const u32 run = least(count - i, CHUNK_SLOTS - (from + i) % CHUNK_SLOTS);
    copyBytes(elementOf(x, part, from + i), in + (size)i * bytes, (size)run * bytes);
    i += run;
  }
  return 0;
}

static inline bool isFinite(float value) { return value - value == 0.0f; }

// The chain of rows of a node: as long as its level, and no row in two chains.
static bool hasSoundRows(const Index& x, const Header& header, u8* rowsTaken) {
  u32 row = header.firstRow;
  for (u32 l = 0; l < header.level; l++) {
    if (row >= x.rowCount || hasBit(rowsTaken, row)) return false;
    setBit(rowsTaken, row);
    if (rowAt(x, row).linkCount > x.neighbours) return false;
    row = rowAt(x, row).next;
  }
  return row == NONE;
}

static bool hasSoundLinks(const Index& x, u32 slot, u32 level) {
  const Links links = linksOf(x, slot, level);
  const bool isDead = headerAt(x, slot).state >= DEAD;
  for (u32 j = 0; j < links.count; j++) {
    if (links.at[j] >= x.slotCount) return false;
    // A removed node may link to what others have become since.
    const Header& other = headerAt(x, links.at[j]);
    if (!isDead && (other.state < LINKED || other.level < level)) return false;
  }
  return true;
}

static bool hasSoundNumbers(const Index& x, u32 slot) {
  const Header& header = headerAt(x, slot);
  if (!isFinite(header.scale) || !isFinite(header.squares)) return false;
  const float* original = originalOf(x, slot);
  u32 bad = 0;
  for (u32 i = 0; i < x.floats; i++) bad |= original[i] - original[i] == 0.0f ? 0 : 1;
  const i8* codes = (const i8*)blockOf(x, slot);
  i32 sum = 0;
  for (u32 i = 0; i < x.codeBytes; i++) {
    sum += codes[i];
    bad |= codes[i] == -128 ? 1 : 0;
  }
  return bad == 0 && sum == header.codeSum;
}

// Frees the rows that no node has.
static void findFreeRows(Index& x, const u8* rowsTaken) {
  x.freeRow = NONE;
  for (u32 row = x.rowCount; row-- > 0;) {
    if (hasBit(rowsTaken, row)) continue;
    rowAt(x, row).next = x.freeRow;
    rowAt(x, row).linkCount = 0;
    x.freeRow = row;
  }
}

static bool hasSoundNodes(const Index& x, u8* rowsTaken) {
  for (u32 slot = 0; slot < x.slotCount; slot++) {
    Header& header = headerAt(x, slot);
    // Chains of twins are put together anew.
    header.firstTwin = NONE;
    if (header.state > DEAD_BEFORE_SWEEP || header.level > LEVEL_MAX) return false;
    if (header.linkCount > 2 * x.neighbours) return false;
    if (header.state < LINKED && header.linkCount != 0) return false;
    if (header.state == FREE && header.level != 0) return false;
    if (!hasSoundRows(x, header, rowsTaken) || !hasSoundNumbers(x, slot)) return false;
  }
  return true;
}

// Checks every number that was read, and counts anew what follows from them.
static i32 finishImport(Index& x, u32 entry, u32 topLevel) {
  if (!x.isImporting) return OUT_OF_RANGE;
  const size rowBits = (size)x.rowCount / 8 + 1;
  u8* rowsTaken = (u8*)take(x, rowBits);
  if (rowsTaken == nullptr) return NO_MEMORY;
  const bool isSound = hasSoundNodes(x, rowsTaken);
  if (isSound) findFreeRows(x, rowsTaken);
  giveBack(x, rowsTaken, rowBits);
  if (!isSound) return DAMAGED;
  x.freeSlot = NONE;
  for (u32 slot = x.slotCount; slot-- > 0;) {
    const Header& header = headerAt(x, slot);
    if (header.state == FREE) {
      baseLinks(x, blockOf(x, slot))[0] = x.freeSlot;
      x.freeSlot = slot;
    } else if (header.state == PENDING) {
      putPending(x, slot);
    } else if (header.state == TWIN) {
      const u32 node = twinLinks(x, slot)[TWIN_NODE];
      if (node >= x.slotCount || headerAt(x, node).state != LINKED) return DAMAGED;
      addTwin(x, slot, node);
    } else {
      for (u32 l = 0; l <= header.level; l++) {
        if (!hasSoundLinks(x, slot, l)) return DAMAGED;
      }
      if (header.state == LINKED) {
        setBit(x.linkedBits, slot);
        x.linked++;
      } else {
        x.deadSlots[x.dead++] = slot;
      }
    }
  }
  const bool hasEntry = entry < x.slotCount && headerAt(x, entry).state == LINKED;
  if (x.linked == 0 ? entry != NONE || x.dead > 0 : !hasEntry) return DAMAGED;
  if (hasEntry && headerAt(x, entry).level != topLevel) return DAMAGED;
  x.entry = entry;
  x.topLevel = hasEntry ? topLevel : 0;
  x.isImporting = false;
  return 0;
}

// XXH32 (xxhash.com, doc/xxhash_spec.md).
static inline u32 rotate(u32 value, u32 bits) { return (value << bits) | (value >> (32 - bits)); }
static inline u32 wordAt(const u8* at) {
  u32 word;
  copyBytes(&word, at, 4);
  return word;
}

static u32 checksum(const u8* at, size bytes, u32 seed) {
  const u32 p1 = 0x9e3779b1u, p2 = 0x85ebca77u, p3 = 0xc2b2ae3du, p4 = 0x27d4eb2fu, p5 = 0x165667b1u;
  const u8* const end = at + bytes;
  u32 sum;
  if (bytes >= 16) {
    u32 lane[4] = {seed + p1 + p2, seed + p2, seed, seed - p1};
    for (; end - at >= 16; at += 16) {
      for (u32 i = 0; i < 4; i++) lane[i] = rotate(lane[i] + wordAt(at + 4 * i) * p2, 13) * p1;
    }
    sum = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
  } else {
    sum = seed + p5;
  }
  sum += (u32)bytes;
  for (; end - at >= 4; at += 4) sum = rotate(sum + wordAt(at) * p3, 17) * p4;
  for (; at < end; at++) sum = rotate(sum + *at * p5, 11) * p1;
  sum = (sum ^ (sum >> 15)) * p2;
  sum = (sum ^ (sum >> 13)) * p3;
  return sum ^ (sum >> 16);
}
