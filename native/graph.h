// HNSW (Malkov and Yashunin, arXiv 1603.09320): insertion, and the repair after removals.
#pragma once
#include "walk.h"

static inline void setLinkCount(const Index& x, u32 slot, u32 level, u32 count) {
  if (level == 0) headerAt(x, slot).linkCount = (u16)count;
  else rowOf(x, slot, level).linkCount = count;
}

static inline u32 capacityOf(const Index& x, u32 level) {
  return level == 0 ? 2 * x.neighbours : x.neighbours;
}

// Moves x.results to x.sorted, nearest first.
static u32 sortResults(Index& x) {
  const u32 count = x.resultCount;
  if (areInOrder(x.results, count)) {
    for (u32 i = 0; i < count; i++) x.sorted[i] = x.results[count - 1 - i];
    x.resultCount = 0;
    return count;
  }
  while (x.resultCount > 0) {
    const u32 at = x.resultCount - 1;
    x.sorted[at] = popFarthest(x.results, x.resultCount);
  }
  return count;
}

// Algorithm 4: keeps those of x.sorted that are nearer to the node than to any kept before.
static u32 selectNeighbours(Index& x, u32 count, u32 capacity) {
  u32 kept = 0;
  for (u32 i = 0; i < count && kept < capacity; i++) {
    const Candidate item = x.sorted[i];
    const Asker asker = askerAt(x, item.slot);
    bool isDiverse = true;
    for (u32 j = 0; j < kept && isDiverse; j++) {
      isDiverse = !(distanceTo(x, asker, x.chosen[j].slot) < item.distance);
    }
    if (isDiverse) x.chosen[kept++] = item;
  }
  return kept;
}

static void offerResult(Index& x, const Asker& asker, u32 slot, u32 limit) {
  const float distance = distanceTo(x, asker, slot);
  if (x.resultCount >= limit) {
    if (!(distance < x.results[0].distance)) return;
    popFarthest(x.results, x.resultCount);
  }
  pushFarthest(x.results, x.resultCount, {distance, slot});
}

// Adds a link from one node to another; a full list is chosen anew.
static void connect(Index& x, u32 from, u32 to, float distance, u32 level) {
  const u32 capacity = capacityOf(x, level);
  const Links links = linksOf(x, from, level);
  for (u32 j = 0; j < links.count; j++) {
    if (links.at[j] == to) return;
  }
  if (links.count < capacity) {
    links.at[links.count] = to;
    setLinkCount(x, from, level, links.count + 1);
    return;
  }
  const Asker asker = askerAt(x, from);
  x.resultCount = 0;
  pushFarthest(x.results, x.resultCount, {distance, to});
  for (u32 j = 0; j < links.count; j++) {
    const Header& header = headerAt(x, links.at[j]);
    if (header.state < LINKED || header.level < level) continue;
    offerResult(x, asker, links.at[j], capacity + 1);
  }
  const u32 count = selectNeighbours(x, sortResults(x), capacity);
  for (u32 j = 0; j < count; j++) links.at[j] = x.chosen[j].slot;
  setLinkCount(x, from, level, count);
}

// The nearest nodes of the graph to one that is to be linked, in x.results. Without removals nobody
// links to anything else; a node that is linked anew finds itself, which is taken out.
static void searchNodes(Index& x, u32 slot, u32 from, u32 breadth, u32 level) {
  searchLevel(x, askerAt(x, slot), from, breadth, level, x.dead > 0 ? x.linkedBits : nullptr, false);
  if (x.dead == 0) return;
  const u32 found = sortResults(x);
  for (u32 i = 0; i < found; i++) {
    const Candidate item = x.sorted[i];
    if (item.slot == slot || headerAt(x, item.slot).state != LINKED) continue;
    pushFarthest(x.results, x.resultCount, item);
  }
}

// A node of the graph to be the twin of, or NONE. Looks at the few nearest only.
static u32 findTwin(Index& x, u32 slot) {
  searchNodes(x, slot, descend(x, askerAt(x, slot), 0), x.neighbours, 0);
  for (u32 i = 0; i < x.resultCount; i++) {
    if (isTwin(x, slot, x.results[i].slot)) return x.results[i].slot;
  }
  return NONE;
}

// Links one node on one level, from where the level above ended. Answers where to go on.
static u32 linkLevel(Index& x, u32 slot, u32 from, u32 level) {
  searchNodes(x, slot, from, x.breadth, level);
  const u32 others = sortResults(x);
  if (others == 0) return from;
  const u32 nearest = x.sorted[0].slot;
  const u32 count = selectNeighbours(x, others, x.neighbours);
  const Links links = linksOf(x, slot, level);
  Candidate selected[NEIGHBOURS_MAX];
  for (u32 j = 0; j < count; j++) {
    selected[j] = x.chosen[j];
    links.at[j] = selected[j].slot;
  }
  setLinkCount(x, slot, level, count);
  for (u32 j = 0; j < count; j++) connect(x, selected[j].slot, slot, selected[j].distance, level);
  return nearest;
}

// Algorithm 1, for a node that is stored already.
static void linkNode(Index& x, u32 slot) {
  const u32 level = headerAt(x, slot).level;
  headerAt(x, slot).linkCount = 0;
  if (x.entry == NONE) {
    x.entry = slot;
    x.topLevel = level;
  } else {
    const u32 twin = findTwin(x, slot);
    if (twin != NONE) {
      addTwin(x, slot, twin);
      return;
    }
    u32 at = descend(x, askerAt(x, slot), least(level, x.topLevel));
    for (u32 l = least(level, x.topLevel) + 1; l-- > 0;) at = linkLevel(x, slot, at, l);
    if (level > x.topLevel) {
      x.entry = slot;
      x.topLevel = level;
    }
  }
  headerAt(x, slot).state = LINKED;
  setBit(x.linkedBits, slot);
  x.linked++;
}

// Takes removed nodes out of the links of one node: their own neighbours come in their place
// (Singh and others, FreshDiskANN, arXiv 2105.09613, algorithm 4).
static void repairLevel(Index& x, u32 slot, u32 level) {
  const Links links = linksOf(x, slot, level);
  bool isTouched = false;
  for (u32 j = 0; j < links.count; j++) isTouched |= !hasBit(x.linkedBits, links.at[j]);
  if (!isTouched) return;
  const u32 capacity = capacityOf(x, level);
  const Asker asker = askerAt(x, slot);
  beginVisits(x);
  x.visited[slot] = x.epoch;
  x.resultCount = 0;
  for (u32 j = 0; j < links.count; j++) {
    u32 near = links.at[j];
    const bool isLinked = hasBit(x.linkedBits, near);
    const Links beyond = isLinked ? Links{&near, 1} : linksOf(x, near, level);
    for (u32 i = 0; i < beyond.count; i++) {
      const u32 other = beyond.at[i];
      if (x.visited[other] == x.epoch || !hasBit(x.linkedBits, other)) continue;
      x.visited[other] = x.epoch;
      const Header& header = headerAt(x, other);
      if (header.state != LINKED || header.level < level) continue;
      offerResult(x, asker, other, 2 * capacity);
    }
  }
  const u32 count = selectNeighbours(x, sortResults(x), capacity);
  for (u32 j = 0; j < count; j++) links.at[j] = x.chosen[j].slot;
  setLinkCount(x, slot, level, count);
  if (count == 0 && x.linked > 1 && level <= x.topLevel) {
    linkLevel(x, slot, descend(x, askerAt(x, slot), level), level);
  }
}

// When all nodes have been looked at, nobody links to those that were dead when the round began.
static void endSweep(Index& x) {
  u32 kept = 0;
  for (u32 i = 0; i < x.dead; i++) {
    const u32 slot = x.deadSlots[i];
    Header& header = headerAt(x, slot);
    if (header.state == DEAD_BEFORE_SWEEP) {
      freeSlot(x, slot);
    } else {
      header.state = DEAD_BEFORE_SWEEP;
      x.deadSlots[kept++] = slot;
    }
  }
  x.dead = kept;
  x.sweepAt = 0;
}

// A few steps of the repair that follows removals; nothing to do where nothing is removed.
static void sweep(Index& x) {
  for (u32 i = 0; i < SWEEP_NODES && x.dead > 0; i++) {
    if (x.sweepAt >= x.slotCount) {
      endSweep(x);
      continue;
    }
    const u32 slot = x.sweepAt++;
    if (!hasBit(x.linkedBits, slot)) continue;
    for (u32 l = headerAt(x, slot).level + 1; l-- > 0;) repairLevel(x, slot, l);
  }
}

// Another node to begin at: near the old one on its highest level, or the highest of all.
static void replaceEntry(Index& x, u32 old) {
  for (u32 l = x.topLevel + 1; l-- > 0;) {
    const Links links = linksOf(x, old, l);
    for (u32 j = 0; j < links.count; j++) {
      const u32 slot = links.at[j];
      if (headerAt(x, slot).state != LINKED || headerAt(x, slot).level < l) continue;
      x.entry = slot;
      x.topLevel = headerAt(x, slot).level;
      return;
    }
  }
  u32 best = NONE;
  for (u32 slot = 0; slot < x.slotCount; slot++) {
    if (headerAt(x, slot).state != LINKED) continue;
    if (best == NONE || headerAt(x, slot).level > headerAt(x, best).level) best = slot;
  }
  x.entry = best;
  x.topLevel = best == NONE ? 0 : headerAt(x, best).level;
}

static i32 removeVector(Index& x, u32 slot) {
  if (slot >= x.slotCount) return NO_SUCH_SLOT;
  Header& header = headerAt(x, slot);
  if (header.state == PENDING) {
    takePending(x, slot);
    freeSlot(x, slot);
    return 0;
  }
  if (header.state == TWIN) {
    removeTwin(x, slot);
    freeSlot(x, slot);
    return 0;
  }
  if (header.state != LINKED) return NO_SUCH_SLOT;
  parkTwins(x, slot);
  header.state = DEAD;
  clearBit(x.linkedBits, slot);
  x.linked--;
  x.deadSlots[x.dead++] = slot;
  if (slot == x.entry) replaceEntry(x, slot);
  if (x.linked == 0) {
    // Twice: the first round only ages those that died in it.
    endSweep(x);
    endSweep(x);
  }
  sweep(x);
  return 0;
}
