// Originals that lie outside of the memory of an index: in WebAssembly, which cannot map a file, the
// host keeps them there and passes one at a time. The addon maps files in the place of chunks instead.
#pragma once
#include "types.h"

#ifdef __wasm__
#define HOST(name) extern "C" __attribute__((import_module("host"), import_name(#name)))
HOST(loadOriginal) void loadOriginal(u32 slot, float* out);
HOST(storeOriginal) void storeOriginal(u32 slot, const float* in);
#else
static inline void loadOriginal(u32, float*) {}
static inline void storeOriginal(u32, const float*) {}
#endif
