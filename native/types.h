// Types, bounds and result codes of the kernel. Nothing here needs a C or C++ library.
#pragma once

typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef short i16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef __SIZE_TYPE__ size;

// Bounds, the same as in src/memory/index/limits.ts.
static const u32 DIMENSIONS_MAX = 4096;
static const u32 NEIGHBOURS_MAX = 64;
static const u32 BREADTH_MAX = 4096;
// Beyond so many candidates heaps are cheaper than an array in order.
static const u32 POOL_BREADTH_MAX = 1024;
static const u32 LEVEL_MAX = 12;
static const u32 CHUNK_SLOTS = 4096;
static const u32 CHUNKS_MAX = 1024;
static const u32 SLOTS_MAX = CHUNK_SLOTS * CHUNKS_MAX;
static const float COMPONENT_MAX = 1e15f;
// Below this a largest component has no usable reciprocal in float32.
static const float SCALE_MIN = 1e-30f;
// Nodes that each insert and each removal looks at for links to removed nodes.
static const u32 SWEEP_NODES = 16;

// Centroids of a subvector: a code of product quantization is a byte.
static const u32 CENTROIDS = 256;
static const u32 ROTATION_ROUNDS = 4;

// Originals that lie outside and were asked for last; linking by them asks for the same again and again.
static const u32 WINDOWS = 1024;

static const u32 NONE = 0xffffffffu;

enum Metric { COSINE = 0, DOT = 1, EUCLIDEAN = 2 };

// What a node keeps of its vector to be compared by: see codes.h.
enum Codes { INT8 = 0, FLOAT16 = 1, BITS4 = 2, BITS2 = 3, BITS1 = 4, PRODUCT = 5 };

// What a call answers instead of a count or a slot. The texts are in src/memory/index/kernel.ts.
enum Failure {
  NOT_FINITE = -1,
  NO_DIRECTION = -2,
  TOO_LARGE = -3,
  NO_MEMORY = -4,
  FULL = -5,
  NO_SUCH_SLOT = -6,
  OUT_OF_RANGE = -7,
  DAMAGED = -8,
};

enum State {
  FREE = 0,
  // Stored and found by scanning, not in the graph yet.
  PENDING = 1,
  // The same codes as a linked node, found by way of that one: a crowd of copies in the graph would
  // cut itself and its neighbours off from the rest.
  TWIN = 2,
  LINKED = 3,
  // Removed, but others still link to it: walked through, never returned.
  DEAD = 4,
  // Dead since before the running sweep began: free when it ends.
  DEAD_BEFORE_SWEEP = 5,
};

struct Candidate {
  float distance;
  u32 slot;
};

struct Ranked {
  double score;
  u32 slot;
};

static inline u32 roundUp(u32 value, u32 step) { return (value + step - 1) / step * step; }
static inline u32 least(u32 a, u32 b) { return a < b ? a : b; }
static inline u32 most(u32 a, u32 b) { return a > b ? a : b; }

static inline void copyBytes(void* to, const void* from, size bytes) {
  __builtin_memcpy(to, from, bytes);
}
static inline void clearBytes(void* at, size bytes) { __builtin_memset(at, 0, bytes); }
static inline void fetchAhead(const void* at) { __builtin_prefetch(at); }
