// One index of vectors: HNSW over codes, rescored from float32. Freestanding; built once a set of
// processor instructions for the addon, and once for WebAssembly. The caller checks that pointers
// and lengths are true; everything else is checked here.
#include "kernel.h"
#ifndef __wasm__
#include "batch.h"
#endif
#include "search.h"
#include "snapshot.h"

#ifdef __wasm__
#define ABI(name) extern "C" __attribute__((export_name(#name)))
#else
#define ABI(name) static
#endif

ABI(destroy) void destroy(Index* x) {
  SlotArray arrays[SLOT_ARRAYS];
  slotArrays(*x, arrays);
  for (u32 i = 0; i < SLOT_ARRAYS; i++) {
    giveBack(*x, *arrays[i].at, (size)x->slotCapacity * arrays[i].bits / 8);
  }
  for (u32 chunk = 0; chunk < CHUNKS_MAX; chunk++) {
    giveBack(*x, x->blocks[chunk], blockChunkBytes(*x));
    giveBack(*x, x->originals[chunk], originalChunkBytes(*x));
    giveBack(*x, x->rows[chunk], rowChunkBytes(*x));
  }
  giveBack(*x, x->sums, (size)x->importedSlots * sizeof(u32));
  giveBack(*x, x->uncheckedBits, x->importedSlots / 8 + 1);
  giveBack(*x, x->rowsTaken, x->rowCount / 8 + 1);
  giveBack(*x, x->window, (size)x->windowCount * x->floats * sizeof(float));
  giveBack(*x, x->windowSlots, x->windowCount * sizeof(u32));
  giveBack(*x, x->asking, x->floats * sizeof(float));
  giveBack(*x, x->query, x->laneBytes + sizeof(Header));
  giveBack(*x, x->queryOriginal, x->floats * sizeof(float));
  giveBack(*x, x->signs, signBytes(*x));
  giveBack(*x, x->rotated, x->floats * sizeof(float));
  giveBack(*x, x->codebook, codebookBytes(*x));
  giveBack(*x, x->products, productBytes(*x));
  giveBack(*x, x->tables, tableBytes(*x));
  giveBack(*x, x->results, (BREADTH_MAX + 1) * sizeof(Candidate));
  giveBack(*x, x->sorted, (BREADTH_MAX + 1) * sizeof(Candidate));
  giveBack(*x, x->chosen, 2 * NEIGHBOURS_MAX * sizeof(Candidate));
  giveBack(*x, x->ranked, BREADTH_MAX * sizeof(Ranked));
  release(x, sizeof(Index));
}

// What the codes need beside the nodes. Answers whether there was memory for it.
static bool takeCodes(Index& x) {
  if (x.bits != 0) {
    x.signs = (float*)take(x, signBytes(x));
    x.rotated = (float*)take(x, x.floats * sizeof(float));
    if (!x.signs || !x.rotated) return false;
    makeSigns(x.signs, ROTATION_ROUNDS * x.dimensions);
  }
  if (x.codes == PRODUCT) {
    x.codebook = (float*)take(x, codebookBytes(x));
    x.products = (float*)take(x, productBytes(x));
    x.tables = (i16*)take(x, tableBytes(x));
    if (!x.codebook || !x.products || !x.tables) return false;
  }
  return true;
}

// Null when a setting is out of range or there is no memory. `subvectors` is 0 but for product codes.
ABI(create)
Index* create(u32 dimensions, u32 metric, u32 neighbours, u32 breadth, u32 codes, u32 subvectors) {
  if (dimensions < 1 || dimensions > DIMENSIONS_MAX || metric > EUCLIDEAN) return nullptr;
  if (neighbours < 2 || neighbours > NEIGHBOURS_MAX) return nullptr;
  if (breadth < neighbours || breadth > BREADTH_MAX) return nullptr;
  if (codes > PRODUCT || subvectors > dimensions) return nullptr;
  if ((codes == PRODUCT) != (subvectors > 0)) return nullptr;
  Index* x = (Index*)obtain(sizeof(Index));
  if (x == nullptr) return nullptr;
  x->bytes = sizeof(Index);
  x->dimensions = dimensions;
  x->metric = metric;
  x->neighbours = neighbours;
  x->breadth = breadth;
  x->codes = codes;
  x->bits = bitsOfCodes(codes);
  x->subvectors = subvectors;
  x->floats = roundUp(dimensions, 16);
  x->laneBytes = roundUp(dimensions, codes == INT8 ? 8 : 64);
  x->codeBytes = bytesOfCodes(*x);
  x->stride = x->codeBytes + sizeof(Header) + 2 * neighbours * sizeof(u32);
  x->rowBytes = (2 + neighbours) * sizeof(u32);
  x->entry = x->freeSlot = x->freeRow = NONE;
  x->query = (u8*)take(*x, x->laneBytes + sizeof(Header));
  x->queryOriginal = (float*)take(*x, x->floats * sizeof(float));
  x->results = (Candidate*)take(*x, (BREADTH_MAX + 1) * sizeof(Candidate));
  x->sorted = (Candidate*)take(*x, (BREADTH_MAX + 1) * sizeof(Candidate));
  x->chosen = (Candidate*)take(*x, 2 * NEIGHBOURS_MAX * sizeof(Candidate));
  x->ranked = (Ranked*)take(*x, BREADTH_MAX * sizeof(Ranked));
  const bool hasCodes = takeCodes(*x);
  if (!hasCodes || !x->query || !x->queryOriginal || !x->results || !x->sorted || !x->chosen ||
      !x->ranked) {
    destroy(x);
    return nullptr;
  }
  return x;
}

// Of an empty index of product codes: CENTROIDS numbers for each component, see product.h.
ABI(setCodebook) i32 setCodebook(Index* x, const float* centroids) {
  if (x->codes != PRODUCT || x->slotCount != 0) return OUT_OF_RANGE;
  const u32 count = x->dimensions * CENTROIDS;
  for (u32 i = 0; i < count; i++) {
    const float value = centroids[i];
    if (!(value - value == 0.0f)) return NOT_FINITE;
    if (value > COMPONENT_MAX || value < -COMPONENT_MAX) return TOO_LARGE;
  }
  copyBytes(x->codebook, centroids, codebookBytes(*x));
  return 0;
}

// Product codes of vectors, a byte a subvector, without storing them.
ABI(encode) i32 encode(Index* x, const float* values, u32 count, u8* out) {
  if (x->codes != PRODUCT || x->isImporting) return OUT_OF_RANGE;
  for (u32 i = 0; i < count; i++) {
    const i32 failure = readVector(*x, values + (size)i * x->dimensions);
    if (failure != 0) return failure;
    codeProduct(*x, x->queryOriginal, out + (size)i * x->subvectors);
  }
  return 0;
}

ABI(add) i32 add(Index* x, const float* values, u32 key) {
  return x->isImporting ? (i32)OUT_OF_RANGE : addVector(*x, values, key);
}

// Links up to so many pending vectors. Answers how many are left. An original that is not what was saved is
// a failure of this call and of all later ones that change the graph.
ABI(link) i32 link(Index* x, u32 nodes) {
  if (x->isImporting) return OUT_OF_RANGE;
  for (; nodes > 0 && x->pending > 0; nodes--) {
    const u32 slot = x->pendingSlots[x->pending - 1];
    takePending(*x, slot);
    linkNode(*x, slot);
    sweep(*x);
  }
  return x->isDamaged ? (i32)DAMAGED : (i32)x->pending;
}

ABI(remove) i32 removeSlot(Index* x, u32 slot) {
  if (x->isImporting) return OUT_OF_RANGE;
  const i32 result = removeVector(*x, slot);
  return x->isDamaged ? (i32)DAMAGED : result;
}

// The original as it is kept: of length 1 for cosine.
ABI(vector) i32 vector(Index* x, u32 slot, float* out) {
  if (x->isImporting) return OUT_OF_RANGE;
  if (slot >= x->slotCount) return NO_SUCH_SLOT;
  const u8 state = headerAt(*x, slot).state;
  if (state == FREE || state >= DEAD) return NO_SUCH_SLOT;
  const float* original = originalFor(*x, slot);
  if (original == nullptr) return DAMAGED;
  copyBytes(out, original, x->dimensions * sizeof(float));
  return 0;
}

ABI(search)
i32 search(Index* x, const float* queries, u32 queryCount, u32 k, u32 breadth, u32 rescored,
           const u8* filter, u32 filterBytes, u32* slots, double* scores, u32* counts) {
  if (x->isImporting) return OUT_OF_RANGE;
  return searchBatch(*x, queries, queryCount, k, breadth, rescored, {filter, filterBytes}, slots,
                     scores, counts);
}

ABI(describe) void describe(const Index* x, u32* out) {
  out[SLOT_COUNT] = x->slotCount;
  out[ROW_COUNT] = x->rowCount;
  out[LINKED_COUNT] = x->linked;
  out[PENDING_COUNT] = x->pending;
  out[DEAD_COUNT] = x->dead;
  out[ENTRY] = x->entry;
  out[TOP_LEVEL] = x->topLevel;
  out[BLOCK_BYTES] = x->stride;
  out[ORIGINAL_BYTES] = x->floats * 4;
  out[ROW_BYTES] = x->rowBytes;
  out[CODE_BYTES] = x->codeBytes;
  out[BYTES_LOW] = (u32)x->bytes;
  out[BYTES_HIGH] = (u32)(x->bytes >> 32);
  out[IS_IMPORTING] = x->isImporting ? 1 : 0;
  out[SLOT_CAPACITY] = x->slotCapacity;
}

ABI(read) i32 readElements(Index* x, u32 part, u32 from, u32 count, u8* out) {
  return readPart(*x, part, from, count, out);
}
ABI(beginImport) i32 startImport(Index* x, u32 slots, u32 rows, u32 hasSums) {
  return beginImport(*x, slots, rows, hasSums != 0);
}
ABI(write) i32 writeElements(Index* x, u32 part, u32 from, u32 count, const u8* in) {
  return writePart(*x, part, from, count, in);
}
ABI(sum) i32 sumElements(const Index* x, u32 part, u32 from, u32 count, u32 seed, u32* out) {
  return sumPart(*x, part, from, count, seed, out);
}
// After a failure of these two the index takes no other calls but `destroy`.
ABI(checkImport) i32 checkSome(Index* x, u32 steps) { return checkImport(*x, steps); }
ABI(finishImport)
i32 endImport(Index* x, u32 entry, u32 topLevel, const u8* found, u32 foundBytes) {
  return finishImport(*x, entry, topLevel, found, foundBytes);
}
ABI(checksum) u32 checksumOf(const u8* at, size bytes, u32 seed) { return checksum(at, bytes, seed); }

#ifdef __wasm__
// From here on the host keeps the originals; for an index without any.
ABI(keepOutside) i32 keepOutside(Index* x) {
  if (x->isImporting || x->slotCount != 0) return OUT_OF_RANGE;
  x->windowCount = x->codes == INT8 ? 1 : WINDOWS;
  x->window = (float*)take(*x, (size)x->windowCount * x->floats * sizeof(float));
  x->windowSlots = (u32*)take(*x, x->windowCount * sizeof(u32));
  x->asking = (float*)take(*x, x->floats * sizeof(float));
  if (!x->window || !x->windowSlots || !x->asking) return NO_MEMORY;
  for (u32 i = 0; i < x->windowCount; i++) x->windowSlots[i] = NONE;
  x->isOutside = true;
  return 0;
}
// Memory for what passes in and out.
ABI(buffer) void* buffer(size bytes) { return obtain(bytes); }
#else
// Where a chunk of blocks or originals lies, for who maps a file there; null where there is none.
static void* chunkOf(const Index* x, u32 part, u32 chunk) {
  if (chunk >= CHUNKS_MAX) return nullptr;
  return part == BLOCKS ? (void*)x->blocks[chunk] : part == ORIGINALS ? x->originals[chunk] : nullptr;
}

static Batch* batchBegin(Index* x) { return x->isImporting ? nullptr : beginBatch(*x); }
static u32 batchCount(const Batch* b) { return b->count; }
static u32 batchGroupCount(const Batch* b) { return b->groupCount; }
static Index* viewMake(const Index* x) { return makeView(*x); }
static void viewRefresh(const Index* x, Index* view) { refreshView(*x, *view); }
static void batchFindTwin(Index* view, Batch* b, u32 i) { findTwinOf(*view, *b, i); }
static void batchSettleTwins(Index* x, Batch* b) { settleTwins(*x, *b); }
static void batchSelect(Index* view, Batch* b, u32 i) { selectFor(*view, *b, i); }
static void batchGroup(Batch* b) { groupEdges(*b); }
static void batchCommit(Index* x, Batch* b) { commitBatch(*x, *b); }
static void batchConnect(Index* view, const Batch* b, u32 group) { connectGroup(*view, *b, group); }
static void batchSweep(Index* x) { sweep(*x); }
static void batchEnd(Index* x, Batch* b) { endBatch(*x, b); }

extern "C" const Kernel KERNEL_TABLE;
extern "C" const Kernel KERNEL_TABLE = {
    create, destroy, setCodebook, encode, add, link, removeSlot, vector, search, describe, readElements,
    startImport, writeElements, sumElements, checkSome, endImport, checksumOf, chunkOf,
    {batchBegin, batchCount, batchGroupCount, viewMake, viewRefresh, freeView, batchFindTwin,
     batchSettleTwins, batchSelect, batchGroup, batchCommit, batchConnect, batchSweep, batchEnd}};
#endif
