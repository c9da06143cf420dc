// Vectors of the caller: checked, brought to the form in which they are compared, stored.
#pragma once
#include "codes.h"

// Reads a vector: checks it, brings a cosine one to length 1. Writes x.queryOriginal, padded.
static i32 readVector(const Index& x, const float* values) {
  float* original = x.queryOriginal;
  const bool isCosine = x.metric == COSINE;
  for (u32 i = 0; i < x.dimensions; i++) {
    const float value = values[i];
    // False for NaN as well.
    if (!(value - value == 0.0f)) return NOT_FINITE;
    if (!isCosine && (value > COMPONENT_MAX || value < -COMPONENT_MAX)) return TOO_LARGE;
    original[i] = value;
  }
  for (u32 i = x.dimensions; i < x.floats; i++) original[i] = 0.0f;
  if (isCosine) {
    const double squares = dotOriginals(original, original, x.floats);
    if (squares == 0.0) return NO_DIRECTION;
    const double scale = 1.0 / __builtin_sqrt(squares);
    for (u32 i = 0; i < x.dimensions; i++) original[i] = (float)((double)original[i] * scale);
  }
  return 0;
}

// Makes a vector the query of the next search.
static i32 readQuery(const Index& x, const float* values) {
  const i32 failure = readVector(x, values);
  if (failure == 0) codeQuery(x);
  return failure;
}

// Stores a vector without linking it. Answers its slot or a failure.
static i32 addVector(Index& x, const float* values, u32 key) {
  const u32 level = levelOf(x, key);
  const bool isReused = x.freeSlot != NONE;
  const u32 slot = isReused ? x.freeSlot : x.slotCount;
  i32 failure = isReused ? 0 : reserveSlots(x, slot + 1);
  if (failure != 0) return failure;
  failure = reserveRows(x, x.rowCount + level);
  if (failure != 0) return failure;
  failure = readVector(x, values);
  if (failure != 0) return failure;
  u8* block = blockOf(x, slot);
  if (isReused) x.freeSlot = baseLinks(x, block)[0];
  else x.slotCount++;
  codeNode(x, block);
  storeOriginalOf(x, slot, x.queryOriginal);
  Header& header = headerOf(x, block);
  header.level = (u8)level;
  header.linkCount = 0;
  header.firstRow = header.firstTwin = NONE;
  for (u32 l = 0; l < level; l++) {
    u32 row = x.freeRow;
    if (row != NONE) x.freeRow = rowAt(x, row).next;
    else row = x.rowCount++;
    rowAt(x, row).next = header.firstRow;
    rowAt(x, row).linkCount = 0;
    header.firstRow = row;
  }
  putPending(x, slot);
  return (i32)slot;
}
