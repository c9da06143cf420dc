/** Bounds of reranking, its models and their training. Units are the last word of each name. */

/** Most hits of a search that reranks; attention compares twice as many candidates with each other. */
export const RERANKED_HITS_MAX = 200;
/** Neighbours of one memory that count: the heaviest. */
export const NEIGHBOURS_MAX = 16;
/** Memories around the candidates that count. */
export const SURROUNDING_NODES_MAX = 256;
/** How far a model may look along edges. */
export const HOPS_MAX = 3;
/** Scores that blocked attention holds at a time, where there are no weights that say otherwise. */
export const BLOCK_KEYS = 64;

/** Shape of a model: components of all its heads, heads, experts. */
export const WIDTH_MAX = 512;
export const HEADS_MAX = 32;
export const EXPERTS_MAX = 32;
/** Most weights of a model, of which a file has four bytes each. */
export const WEIGHTS_MAX = 8_000_000;
/** Longest name of an embedding model in a file of weights. */
export const MODEL_BYTES_MAX = 16_384;

/** One training: examples, passes over all of them, candidates and edges of one. */
export const EXAMPLES_MAX = 100_000;
export const EPOCHS_MAX = 1000;
export const EXAMPLE_NODES_MAX = 4096;
export const EXAMPLE_EDGES_MAX = 65_536;
