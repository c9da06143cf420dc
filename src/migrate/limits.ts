/** Bounds of a migration. Units are the last word of each name. */

/** Bytes of a manifest or of the state of a migration that are read. */
export const JSON_FILE_BYTES_MAX = 16 * 1024 * 1024;
/** Searches of the new store, each by the vector of a memory, that are compared with an exact scan. */
export const SAMPLE_QUERIES_COUNT = 32;
/** Of these memories, texts that are embedded again. */
export const EMBEDDED_AGAIN_COUNT = 4;
/** Hits that are compared a query. */
export const SAMPLE_HITS_COUNT = 10;
/** Part of the exact hits that the searches must find. */
export const RECALL_MIN = 0.95;
/** Differences that a report names one by one. */
export const DIFFERENCES_LISTED_MAX = 20;
/** Passes over stores that v1 keeps writing to; what comes after the last is for the next run. */
export const LATE_PASSES_MAX = 5;
/** Bytes that must stay free beside what a migration surely needs. */
export const SPACE_MARGIN_BYTES = 32 * 1024 * 1024;
/** Rows of a table whose reads through v1's API are compared. */
export const REPLAYED_ROWS_COUNT = 200;
