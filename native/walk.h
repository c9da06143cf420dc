// Walks through the graph that leave it as it is (Malkov and Yashunin, arXiv 1603.09320, algorithm 2).
#pragma once
#include "pool.h"
#include "twins.h"

// Links of a node on a level, and how many; nothing where the node does not reach the level.
struct Links {
  u32* at;
  u32 count;
};

static inline Links linksOf(const Index& x, u32 slot, u32 level) {
  u8* block = blockOf(x, slot);
  const Header& header = headerOf(x, block);
  if (level == 0) return {baseLinks(x, block), header.linkCount};
  if (header.level < level) return {nullptr, 0};
  Row& row = rowOf(x, slot, level);
  return {row.links, row.linkCount};
}

static void beginVisits(Index& x) {
  x.epoch++;
  if (x.epoch == 0) {
    clearBytes(x.visited, (size)x.slotCapacity * sizeof(u16));
    x.epoch = 1;
  }
}

// Walks down from the top to the level above `level`, always to the nearest neighbour.
static u32 descend(Index& x, const Asker& asker, u32 level) {
  u32 at = x.entry;
  float best = distanceTo(x, asker, at);
  for (u32 l = x.topLevel; l > level; l--) {
    for (bool isNearer = true; isNearer;) {
      isNearer = false;
      const Links links = linksOf(x, at, l);
      for (u32 j = 0; j < links.count; j++) fetchNode(x, asker, links.at[j]);
      for (u32 j = 0; j < links.count; j++) {
        const u32 slot = links.at[j];
        // A removed node may still link to a slot that has become another node.
        if (headerAt(x, slot).level < l) continue;
        const float distance = distanceTo(x, asker, slot);
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

static inline void keepResult(Index& x, Candidate item, u32 breadth) {
  pushFarthest(x.results, x.resultCount, item);
  if (x.resultCount > breadth) popFarthest(x.results, x.resultCount);
}

// Twins are as near as their node; those that do not fit are left out.
static void keepTwins(Index& x, u32 first, float distance, u32 breadth, const u8* allowed) {
  for (u32 slot = first; slot != NONE; slot = twinLinks(x, slot)[TWIN_NEXT]) {
    if (x.resultCount >= breadth && !(distance < x.results[0].distance)) return;
    // A removed node may still link to a slot that has become a twin.
    if (x.visited[slot] == x.epoch) continue;
    x.visited[slot] = x.epoch;
    if (allowed == nullptr || hasBit(allowed, slot)) keepResult(x, {distance, slot}, breadth);
  }
}

// Algorithm 2 with two heaps. Where `allowed` is given, others are walked through and not kept.
static void walkWithHeaps(Index& x, const Asker& asker, u32 from, u32 breadth, u32 level,
                          const u8* allowed, bool withTwins) {
  beginVisits(x);
  u32 walkCount = 0;
  x.resultCount = 0;
  const float first = distanceTo(x, asker, from);
  x.visited[from] = x.epoch;
  pushNearest(x.walk, walkCount, {first, from});
  if (allowed == nullptr || hasBit(allowed, from)) {
    pushFarthest(x.results, x.resultCount, {first, from});
  }
  if (withTwins) keepTwins(x, headerAt(x, from).firstTwin, first, breadth, allowed);
  u32 fresh[2 * NEIGHBOURS_MAX];
  while (walkCount > 0) {
    if (x.resultCount >= breadth && x.walk[0].distance > x.results[0].distance) break;
    const Candidate current = popNearest(x.walk, walkCount);
    const Links links = linksOf(x, current.slot, level);
    u32 count = 0;
    for (u32 j = 0; j < links.count; j++) {
      const u32 slot = links.at[j];
      if (x.visited[slot] == x.epoch) continue;
      x.visited[slot] = x.epoch;
      fresh[count++] = slot;
    }
    for (u32 j = 0; j < least(count, 4); j++) fetchNode(x, asker, fresh[j]);
    for (u32 j = 0; j < count; j++) {
      if (j + 4 < count) fetchNode(x, asker, fresh[j + 4]);
      const u32 slot = fresh[j];
      const u8* block = blockOf(x, slot);
      if (level > 0 && headerOf(x, block).level < level) continue;
      const float distance = distanceTo(x, asker, slot);
      if (x.resultCount >= breadth && !(distance < x.results[0].distance)) continue;
      pushNearest(x.walk, walkCount, {distance, slot});
      if (level == 0) fetchAhead(baseLinks(x, blockOf(x, x.walk[0].slot)));
      if (allowed == nullptr || hasBit(allowed, slot)) keepResult(x, {distance, slot}, breadth);
      if (!withTwins) continue;
      const u32 twin = headerOf(x, block).firstTwin;
      if (twin != NONE) keepTwins(x, twin, distance, breadth, allowed);
    }
  }
}

// They are never followed.
static void putTwins(Index& x, Pool& pool, u32 first, float distance) {
  for (u32 slot = first; slot != NONE; slot = twinLinks(x, slot)[TWIN_NEXT]) {
    if (!isWanted(pool, distance)) return;
    if (x.visited[slot] == x.epoch) continue;
    x.visited[slot] = x.epoch;
    putCandidate(pool, distance, slot);
  }
}

// The same with one array, for breadths that are usual and all nodes.
static void walkWithPool(Index& x, const Asker& asker, u32 from, u32 breadth, u32 level, bool withTwins) {
  beginVisits(x);
  x.visited[from] = x.epoch;
  Pool pool = {x.sorted, 0, breadth, 0};
  u32 fresh[2 * NEIGHBOURS_MAX + DISTANCES_AT_ONCE];
  float distances[2 * NEIGHBOURS_MAX + DISTANCES_AT_ONCE];
  u32 count = 1;
  fresh[0] = from;
  for (;;) {
    distancesTo(x, asker, fresh, count, distances);
    for (u32 j = 0; j < count; j++) {
      if (!isWanted(pool, distances[j])) continue;
      const Header& header = headerAt(x, fresh[j]);
      // A removed node may still link to a slot that has become another node.
      if (header.level < level) continue;
      putCandidate(pool, distances[j], fresh[j] | UNFOLLOWED);
      if (withTwins && header.firstTwin != NONE) {
        putTwins(x, pool, header.firstTwin, distances[j]);
      }
    }
    const u32 current = followNext(pool);
    if (current == NONE) break;
    const Links links = linksOf(x, current, level);
    count = 0;
    for (u32 j = 0; j < links.count; j++) {
      const u32 slot = links.at[j];
      if (x.visited[slot] == x.epoch) continue;
      x.visited[slot] = x.epoch;
      fresh[count++] = slot;
    }
  }
  x.resultCount = pool.count;
  for (u32 i = 0; i < pool.count; i++) x.results[i] = pool.items[pool.count - 1 - i];
}

// Leaves the `breadth` nearest in x.results. Insertions want nodes only, searches their twins as well.
static void searchLevel(Index& x, const Asker& asker, u32 from, u32 breadth, u32 level,
                        const u8* allowed, bool withTwins) {
  // Beside distances by originals the heaps cost little, and links of equal distances have always been in
  // their order.
  const bool isPool =
      allowed == nullptr && breadth <= POOL_BREADTH_MAX && asker.original == nullptr;
  if (isPool) walkWithPool(x, asker, from, breadth, level, withTwins);
  else walkWithHeaps(x, asker, from, breadth, level, allowed, withTwins);
}
