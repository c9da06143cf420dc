// The functions of the kernel, as the addon calls them. Each build of kernel.cpp for a set of
// processor instructions gives one such table; in WebAssembly the functions are exports.
#pragma once
#include "types.h"

struct Index;

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
  DESCRIPTIONS,
};
