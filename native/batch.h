// Linking many nodes at once, so that several threads can share the work. What comes out does not depend
// on how many they are: each step reads what the step before has left, and writes what no other part of
// it touches.
//
//     findTwin (each) -> settleTwins -> select (each) -> group -> commit -> connect (each group) -> end
//
// The graph does not change before `commit`. After it the nodes are linked to others, and found by way of
// `joining`; after `connect` the others are linked to them.
#pragma once
#include "graph.h"

// Below this the graph is too small to be searched by many that do not see each other.
static const u32 BATCH_LINKED_LEAST = 1024;
static const u32 BATCH_NODES_MAX = 512;

struct Batch {
  u32 count;
  // Nodes, and the node that each is a twin of, or NONE.
  u32* slots;
  u32* twins;
  // One list of neighbours a node and level: its first, whose it is, of which level, and how many.
  u32 listCount;
  u32* firstList;
  u32* owners;
  u8* levels;
  u32* counts;
  Candidate* selected;
  // Node that is linked to and place in `selected`, in one number; groups are those of one node.
  u32 edgeCount;
  u64* edges;
  u32 groupCount;
  u32* groups;
  u32 neighbours;
};

struct BatchArray {
  void** at;
  size bytes;
};
static const u32 BATCH_ARRAYS = 9;
static void batchArrays(Batch& b, BatchArray* out) {
  const size selected = (size)b.listCount * b.neighbours;
  out[0] = {(void**)&b.slots, b.count * sizeof(u32)};
  out[1] = {(void**)&b.twins, b.count * sizeof(u32)};
  out[2] = {(void**)&b.firstList, b.count * sizeof(u32)};
  out[3] = {(void**)&b.owners, b.listCount * sizeof(u32)};
  out[4] = {(void**)&b.levels, b.listCount};
  out[5] = {(void**)&b.counts, b.listCount * sizeof(u32)};
  out[6] = {(void**)&b.selected, selected * sizeof(Candidate)};
  out[7] = {(void**)&b.edges, selected * sizeof(u64)};
  out[8] = {(void**)&b.groups, (selected + 1) * sizeof(u32)};
}

static void freeBatch(Batch* b) {
  BatchArray arrays[BATCH_ARRAYS];
  batchArrays(*b, arrays);
  for (u32 i = 0; i < BATCH_ARRAYS; i++) release(*arrays[i].at, arrays[i].bytes);
  release(b, sizeof(Batch));
}

static void linkLast(Index& x, u32 place) {
  const u32 slot = x.pendingSlots[place];
  takePending(x, slot);
  linkNode(x, slot);
}

// Nodes above the top of the graph go first, one by one: nothing of their level is there to link to.
static void linkTallest(Index& x, u32 count) {
  for (u32 i = 0; i < count && i < x.pending;) {
    const u32 place = x.pending - 1 - i;
    if (headerAt(x, x.pendingSlots[place]).level <= x.topLevel) {
      i++;
      continue;
    }
    linkLast(x, place);
    i = 0;
  }
}

// The nodes that `link` would take next; null where they have to be linked one by one.
static Batch* beginBatch(Index& x) {
  if (x.linked < BATCH_LINKED_LEAST || x.entry == NONE) return nullptr;
  // Originals that have to be checked when they are touched first are no work for many at once.
  if (x.codes != INT8 && x.uncheckedBits != nullptr) return nullptr;
  const u32 most = least(BATCH_NODES_MAX, x.linked / 8);
  linkTallest(x, most);
  const u32 count = least(most, x.pending);
  if (count == 0) return nullptr;
  Batch* b = (Batch*)obtain(sizeof(Batch));
  if (b == nullptr) return nullptr;
  b->count = count;
  b->neighbours = x.neighbours;
  for (u32 i = 0; i < count; i++) {
    b->listCount += headerAt(x, x.pendingSlots[x.pending - 1 - i]).level + 1;
  }
  BatchArray arrays[BATCH_ARRAYS];
  batchArrays(*b, arrays);
  for (u32 i = 0; i < BATCH_ARRAYS; i++) {
    *arrays[i].at = obtain(arrays[i].bytes);
    if (*arrays[i].at != nullptr) continue;
    freeBatch(b);
    return nullptr;
  }
  u32 list = 0;
  for (u32 i = 0; i < count; i++) {
    b->slots[i] = x.pendingSlots[x.pending - 1 - i];
    b->firstList[i] = list;
    const u32 level = headerAt(x, b->slots[i]).level;
    for (u32 l = 0; l <= level; l++) {
      b->owners[list] = i;
      b->levels[list++] = (u8)l;
    }
  }
  return b;
}

static const u32 VIEW_ARRAYS = 5;
static void viewArrays(Index& v, BatchArray* out) {
  out[0] = {(void**)&v.results, (BREADTH_MAX + 1) * sizeof(Candidate)};
  out[1] = {(void**)&v.sorted, (BREADTH_MAX + 1) * sizeof(Candidate)};
  out[2] = {(void**)&v.chosen, 2 * NEIGHBOURS_MAX * sizeof(Candidate)};
  out[3] = {(void**)&v.visited, (size)v.slotCapacity * sizeof(u16)};
  out[4] = {(void**)&v.walk, (size)v.slotCapacity * sizeof(Candidate)};
}

static void freeView(Index* v) {
  BatchArray arrays[VIEW_ARRAYS];
  viewArrays(*v, arrays);
  for (u32 i = 0; i < VIEW_ARRAYS; i++) {
    if (*arrays[i].at != nullptr) release(*arrays[i].at, arrays[i].bytes);
  }
  release(v, sizeof(Index));
}

// The index as one thread sees it: the same graph, and room of its own to search it. Null without memory.
static Index* makeView(const Index& x) {
  Index* v = (Index*)obtain(sizeof(Index));
  if (v == nullptr) return nullptr;
  *v = x;
  BatchArray arrays[VIEW_ARRAYS];
  viewArrays(*v, arrays);
  for (u32 i = 0; i < VIEW_ARRAYS; i++) *arrays[i].at = nullptr;
  for (u32 i = 0; i < VIEW_ARRAYS; i++) {
    *arrays[i].at = obtain(arrays[i].bytes);
    if (*arrays[i].at != nullptr) continue;
    freeView(v);
    return nullptr;
  }
  v->epoch = 0;
  return v;
}

// Brings a view up to the index, which has as many slots as when it was made.
static void refreshView(const Index& x, Index& v) {
  BatchArray arrays[VIEW_ARRAYS];
  void* own[VIEW_ARRAYS];
  viewArrays(v, arrays);
  for (u32 i = 0; i < VIEW_ARRAYS; i++) own[i] = *arrays[i].at;
  const u16 epoch = v.epoch;
  v = x;
  for (u32 i = 0; i < VIEW_ARRAYS; i++) *arrays[i].at = own[i];
  v.epoch = epoch;
}

static void findTwinOf(Index& v, Batch& b, u32 i) { b.twins[i] = findTwin(v, b.slots[i]); }

// Nodes of the batch that cannot be told apart: the first of them is a node, unless it is a twin itself.
static void settleTwins(Index& x, Batch& b) {
  for (u32 i = 1; i < b.count; i++) {
    const Header& header = headerAt(x, b.slots[i]);
    for (u32 j = 0; j < i && b.twins[i] == NONE; j++) {
      const Header& other = headerAt(x, b.slots[j]);
      if (header.codeSum != other.codeSum || header.scale != other.scale) continue;
      if (!isTwin(x, b.slots[i], b.slots[j])) continue;
      b.twins[i] = b.twins[j] == NONE ? b.slots[j] : b.twins[j];
    }
  }
}

// The neighbours of one node, on each of its levels: of the graph, and of those before it in the batch.
static void selectFor(Index& v, Batch& b, u32 i) {
  if (b.twins[i] != NONE) return;
  const u32 slot = b.slots[i];
  const u32 level = headerAt(v, slot).level;
  u32 at = descend(v, askerAt(v, slot), level);
  for (u32 l = level + 1; l-- > 0;) {
    searchNodes(v, slot, at, v.breadth, l);
    // A node of the batch is no place to go on from: it has no links yet.
    float best = 0;
    for (u32 j = 0; j < v.resultCount; j++) {
      if (j > 0 && !(v.results[j].distance < best)) continue;
      best = v.results[j].distance;
      at = v.results[j].slot;
    }
    for (u32 j = 0; j < i; j++) {
      if (b.twins[j] != NONE || headerAt(v, b.slots[j]).level < l) continue;
      offerResult(v, askerAt(v, slot), b.slots[j], v.breadth);
    }
    const u32 count = selectNeighbours(v, sortResults(v), v.neighbours);
    const u32 list = b.firstList[i] + l;
    b.counts[list] = count;
    for (u32 j = 0; j < count; j++) b.selected[(size)list * b.neighbours + j] = v.chosen[j];
  }
}

static void sortNumbers(u64* numbers, u32 count) {
  for (u32 end = count, start = count / 2; end > 1;) {
    u64 moved;
    if (start > 0) {
      moved = numbers[--start];
    } else {
      moved = numbers[--end];
      numbers[end] = numbers[0];
    }
    u32 at = start;
    for (u32 child = 2 * at + 1; child < end; child = 2 * at + 1) {
      if (child + 1 < end && numbers[child + 1] > numbers[child]) child++;
      if (moved >= numbers[child]) break;
      numbers[at] = numbers[child];
      at = child;
    }
    numbers[at] = moved;
  }
}

static void groupEdges(Batch& b) {
  for (u32 list = 0; list < b.listCount; list++) {
    for (u32 j = 0; j < b.counts[list]; j++) {
      const u32 place = list * b.neighbours + j;
      b.edges[b.edgeCount++] = (u64)b.selected[place].slot << 32 | place;
    }
  }
  sortNumbers(b.edges, b.edgeCount);
  for (u32 e = 0; e < b.edgeCount; e++) {
    const bool isFirst = e == 0 || b.edges[e] >> 32 != b.edges[e - 1] >> 32;
    if (isFirst) b.groups[b.groupCount++] = e;
  }
  b.groups[b.groupCount] = b.edgeCount;
}

// Brings the nodes into the graph, with their own links.
static void commitBatch(Index& x, Batch& b) {
  for (u32 i = 0; i < b.count; i++) {
    const u32 slot = b.slots[i];
    takePending(x, slot);
    if (b.twins[i] != NONE) {
      addTwin(x, slot, b.twins[i]);
      continue;
    }
    headerAt(x, slot).linkCount = 0;
    const u32 level = headerAt(x, slot).level;
    for (u32 l = 0; l <= level; l++) {
      const u32 list = b.firstList[i] + l;
      const Links links = linksOf(x, slot, l);
      for (u32 j = 0; j < b.counts[list]; j++) {
        links.at[j] = b.selected[(size)list * b.neighbours + j].slot;
      }
      setLinkCount(x, slot, l, b.counts[list]);
    }
    headerAt(x, slot).state = LINKED;
    setBit(x.linkedBits, slot);
    x.linked++;
  }
  x.joining = b.slots;
  x.joiningCount = b.count;
}

// Links one node to those of the batch that have chosen it, in the order of the batch.
static void connectGroup(Index& v, const Batch& b, u32 group) {
  for (u32 e = b.groups[group]; e < b.groups[group + 1]; e++) {
    const u32 place = (u32)b.edges[e];
    const u32 list = place / b.neighbours;
    const u32 from = b.slots[b.owners[list]];
    connect(v, (u32)(b.edges[e] >> 32), from, b.selected[place].distance, b.levels[list]);
  }
}

static void endBatch(Index& x, Batch* b) {
  x.joining = nullptr;
  x.joiningCount = 0;
  freeBatch(b);
}
