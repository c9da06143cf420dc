/** Bounds of the graph and its queries. Units are the last word of each name. */

/** Longest stretch of one query between two turns of the event loop. */
export const SLICE_MAX_MS = 3;
/** Units of work after which a query looks at the clock. */
export const CLOCK_EVERY_UNITS = 128;
/** Queries of one store that run or wait at a time. */
export const QUERIES_MAX = 256;
/** Edges that one query may look at. */
export const EXPANSIONS_MAX = 10_000_000;
/** Nodes that one traversal may visit. */
export const VISITED_NODES_MAX = 2_000_000;
/** Most hops of a walk: k hops, shortest path, one variable length of a pattern. */
export const HOPS_MAX = 64;
/** Most entries of one answer of `neighbours`, `kHops` and `traverse`. */
export const RESULTS_MAX = 10_000;
/** Relations that a filter may name. */
export const RELATIONS_NAMED_MAX = 64;
/** Edges that were added since the arrays were built, before they are built anew. */
export const OVERLAY_EDGES_MAX = 65_536;
/** As a share of the arrays: building anew costs as much as they have edges. */
export const OVERLAY_SHARE_MAX = 0.25;
/** Elements that are sorted in one go. */
export const SORTED_AT_ONCE_MAX = 1024;

/** Longest text of a query. */
export const QUERY_CHARACTERS_MAX = 16_384;
/** How deep expressions may be nested. */
export const NESTING_MAX = 64;
/** Node patterns in one query. */
export const NODE_PATTERNS_MAX = 32;
/** Columns that a query returns. */
export const COLUMNS_MAX = 64;
/** Keys of the parameters, and the length of their JSON text. */
export const PARAMETERS_MAX = 256;
export const PARAMETERS_CHARACTERS_MAX = 1_000_000;
/** Rows, groups and collected values that a query holds at a time. */
export const HELD_ROWS_MAX = 100_000;
/** Memories whose content or metadata one query may read. */
export const MEMORIES_READ_MAX = 200_000;
/** Characters of them that a query holds at a time. */
export const HELD_CHARACTERS_MAX = 64_000_000;
