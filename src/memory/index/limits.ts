/** Bounds of a vector index, the same as in native/types.h. Units are the last word of each name. */

/** Links of a node on an upper level; twice as many on the lowest. The M of HNSW. */
export const NEIGHBOURS_MAX = 64;
export const NEIGHBOURS_DEFAULT = 16;
/** Candidates that an insertion looks at: efConstruction. */
export const BUILD_BREADTH_DEFAULT = 200;
/** Candidates that a search looks at: efSearch. */
export const SEARCH_BREADTH_DEFAULT = 50;
/** Most of both, and most hits of a search. */
export const BREADTH_MAX = 4096;
/** Beyond so many candidates heaps are cheaper than an array in order. */
export const POOL_BREADTH_MAX = 1024;
export const LEVEL_MAX = 12;
export const SLOTS_MAX = 4_194_304;
/** Largest component of a vector for dot product and Euclidean distance. */
export const COMPONENT_MAX = 1e15;
/** Below this a largest component has no usable reciprocal in float32. */
export const SCALE_MIN = Math.fround(1e-30);
/** Centroids of a subvector: a code of product quantization is a byte. */
export const CENTROIDS = 256;
/** Rounds of Lloyd's algorithm, and vectors that it looks at. */
export const TRAINING_ROUNDS_DEFAULT = 12;
export const TRAINING_ROUNDS_MAX = 100;
export const TRAINING_SAMPLES_DEFAULT = 16_384;
export const TRAINING_SAMPLES_MAX = 100_000;
/** Work between two returns to the event loop: a few milliseconds in plain JavaScript. */
export const TRAINING_STEP_MULTIPLICATIONS = 1_000_000;
/** Originals that lie outside and were asked for last. */
export const WINDOWS = 1024;
/** Rounds of the rotation that comes before codes of 4, 2 and 1 bit. */
export const ROTATION_ROUNDS = 4;
/** Most candidates for each hit that are compared by their originals. */
export const RESCORE_MAX = 4096;
/** Nodes that each insert and each removal looks at for links to removed nodes. */
export const SWEEP_NODES = 16;
/** Queries of one search call. */
export const QUERIES_MAX = 100_000;
/** Longest label of a snapshot. */
export const LABEL_BYTES_MAX = 65_536;
/** Elements of a snapshot that are read or written at once; part of the format. */
export const ELEMENTS_PER_PIECE = 1024;
/** Bytes of ids that are read or written at once; part of the format. */
export const ID_PIECE_BYTES = 262_144;
/** Bytes of originals that are written at once. */
export const ORIGINAL_PIECE_BYTES = 262_144;
/** Steps of the check of a snapshot at once. */
export const CHECKED_STEPS = 4096;
/** Threads of `linkAll`. */
export const THREADS_MAX = 64;
/** How long `linkAll` links at once where there are no threads. */
export const LINK_SLICE_MS = 2;
/** Vectors that are linked one by one before threads may go on; see native/batch.h. */
export const BATCH_LINKED_MIN = 1024;
