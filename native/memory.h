// Where memory comes from: the system in the addon, the linear memory in WebAssembly. It comes as
// zeros and aligned to 64 bytes, or not at all: then null.
#pragma once
#include "types.h"

#ifdef __wasm__

extern u8 __heap_base;
static size heapEnd = 0;
static const size PAGE_BYTES = 65536;

// Nothing is used twice, so it is zeros. An instance serves one index, and what the index lets go of is only what it outgrew: a little.
static void* obtain(size bytes) {
  if (heapEnd == 0) heapEnd = ((size)&__heap_base + 63) & ~(size)63;
  const size at = heapEnd;
  const size needed = (bytes + 63) & ~(size)63;
  if (needed < bytes || at + needed < at) return nullptr;
  const size end = at + needed;
  const size have = __builtin_wasm_memory_size(0);
  const size want = (end >> 16) + ((end & (PAGE_BYTES - 1)) != 0);
  if (want > have && __builtin_wasm_memory_grow(0, want - have) == (size)-1) return nullptr;
  heapEnd = end;
  return (void*)at;
}
static void release(void*, size) {}

#else

// Given by the addon.
extern "C" void* vectorKernelObtain(size bytes);
extern "C" void vectorKernelRelease(void* at, size bytes);
static void* obtain(size bytes) { return vectorKernelObtain(bytes); }
static void release(void* at, size bytes) {
  if (at != nullptr) vectorKernelRelease(at, bytes);
}

#endif
