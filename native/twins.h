// Nodes that cannot be told apart by the distances that link them: one of them is in the graph, the
// others hang on it in a chain. So of narrow codes they have the same original, not just the same codes,
// which far more vectors share than a chain should hold.
#pragma once
#include "store.h"

// Places in the links of a twin, which has none.
enum TwinLink { TWIN_NEXT = 0, TWIN_BEFORE = 1, TWIN_NODE = 2 };

static inline u32* twinLinks(const Index& x, u32 slot) { return baseLinks(x, blockOf(x, slot)); }

// Of int8 the codes and, behind them, scale and squares: then every distance is the same.
static bool isTwin(Index& x, u32 a, u32 b) {
  const bool hasInt8 = x.codes == INT8;
  const Asker asker = askerAt(x, a);
  const u32* wordsA = hasInt8 ? (const u32*)asker.block : (const u32*)asker.original;
  const u32* wordsB = (const u32*)(hasInt8 ? (const void*)blockOf(x, b) : linkedOriginal(x, b));
  const u32 count = hasInt8 ? x.codeBytes / 4 + 2 : x.floats;
  for (u32 i = 0; i < count; i++) {
    if (wordsA[i] != wordsB[i]) return false;
  }
  return true;
}

static void addTwin(Index& x, u32 slot, u32 node) {
  Header& header = headerAt(x, node);
  u32* links = twinLinks(x, slot);
  links[TWIN_NEXT] = header.firstTwin;
  links[TWIN_BEFORE] = NONE;
  links[TWIN_NODE] = node;
  if (header.firstTwin != NONE) twinLinks(x, header.firstTwin)[TWIN_BEFORE] = slot;
  header.firstTwin = slot;
  headerAt(x, slot).state = TWIN;
  setBit(x.linkedBits, slot);
  x.linked++;
}

static void removeTwin(Index& x, u32 slot) {
  const u32* links = twinLinks(x, slot);
  const u32 next = links[TWIN_NEXT];
  const u32 before = links[TWIN_BEFORE];
  if (next != NONE) twinLinks(x, next)[TWIN_BEFORE] = before;
  if (before != NONE) twinLinks(x, before)[TWIN_NEXT] = next;
  else headerAt(x, links[TWIN_NODE]).firstTwin = next;
  clearBit(x.linkedBits, slot);
  x.linked--;
}

// The twins of a node that goes wait to be linked again; the first of them will be a node.
static void parkTwins(Index& x, u32 node) {
  Header& header = headerAt(x, node);
  while (header.firstTwin != NONE) {
    const u32 slot = header.firstTwin;
    removeTwin(x, slot);
    putPending(x, slot);
  }
}
