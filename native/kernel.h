// The functions of the kernel, as the addon calls them. Each build of kernel.cpp for a set of
// processor instructions gives one such table; in WebAssembly the functions are exports.
#pragma once
#include "types.h"

struct Index;
struct Batch;

// Linking by several threads: see batch.h, and native/threads.h for who calls what when.
struct BatchCalls {
  Batch* (*begin)(Index* x);
  u32 (*count)(const Batch* b);
  u32 (*groupCount)(const Batch* b);
  // A view of the index for one thread; null without memory.
  Index* (*makeView)(const Index* x);
  void (*refreshView)(const Index* x, Index* view);
  void (*freeView)(Index* view);
  void (*findTwin)(Index* view, Batch* b, u32 i);
  void (*settleTwins)(Index* x, Batch* b);
  void (*select)(Index* view, Batch* b, u32 i);
  void (*group)(Batch* b);
  void (*commit)(Index* x, Batch* b);
  void (*connect)(Index* view, const Batch* b, u32 group);
  void (*sweep)(Index* x);
  void (*end)(Index* x, Batch* b);
};

struct Kernel {
  Index* (*create)(u32 dimensions, u32 metric, u32 neighbours, u32 breadth, u32 codes,
                   u32 subvectors);
  void (*destroy)(Index* x);
  i32 (*setCodebook)(Index* x, const float* centroids);
  i32 (*encode)(Index* x, const float* values, u32 count, u8* out);
  i32 (*add)(Index* x, const float* values, u32 key);
  i32 (*link)(Index* x, u32 nodes);
  i32 (*remove)(Index* x, u32 slot);
  i32 (*vector)(Index* x, u32 slot, float* out);
  i32 (*search)(Index* x, const float* queries, u32 queryCount, u32 k, u32 breadth, u32 rescored,
                const u8* filter, u32 filterBytes, u32* slots, double* scores, u32* counts);
  void (*describe)(const Index* x, u32* out);
  i32 (*read)(Index* x, u32 part, u32 from, u32 count, u8* out);
  i32 (*beginImport)(Index* x, u32 slots, u32 rows, u32 hasSums);
  i32 (*write)(Index* x, u32 part, u32 from, u32 count, const u8* in);
  i32 (*sum)(const Index* x, u32 part, u32 from, u32 count, u32 seed, u32* out);
  i32 (*checkImport)(Index* x, u32 steps);
  i32 (*finishImport)(Index* x, u32 entry, u32 topLevel, const u8* found, u32 foundBytes);
  u32 (*checksum)(const u8* at, size bytes, u32 seed);
  void* (*chunk)(const Index* x, u32 part, u32 chunk);
  BatchCalls batch;
};

// Numbers that `describe` writes, in this order.
enum Description {
  SLOT_COUNT,
  ROW_COUNT,
  LINKED_COUNT,
  PENDING_COUNT,
  DEAD_COUNT,
  ENTRY,
  TOP_LEVEL,
  BLOCK_BYTES,
  ORIGINAL_BYTES,
  ROW_BYTES,
  CODE_BYTES,
  BYTES_LOW,
  BYTES_HIGH,
  IS_IMPORTING,
  SLOT_CAPACITY,
  DESCRIPTIONS,
};
