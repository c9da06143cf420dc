/** Bounds of a migration. Units are the last word of each name. */

/** Memories whose own text must find them in the new store. */
export const SAMPLE_QUERIES_COUNT = 32;
/** Quarantined rows that a report names one by one; all are kept in the store. */
export const QUARANTINED_LISTED_MAX = 200;
/** Bytes of a manifest that are read. */
export const MANIFEST_BYTES_MAX = 1024 * 1024;
