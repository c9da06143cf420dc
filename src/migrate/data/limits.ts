/** Bounds of the data phase of a migration. Units are the last word of each name. */

/** Quarantined rows that a report names one by one. */
export const QUARANTINED_LISTED_MAX = 200;
/** A transaction on the files ends after so many rows, or so long. */
export const ROWS_PER_COMMIT = 5000;
export const COMMIT_MS = 1000;
/** Rows whose references are written in one transaction. */
export const REFERENCES_PER_COMMIT = 500;
/** Vectors held in memory before they are written, and how long they are held. */
export const VECTORS_PER_COMMIT = 256;
export const VECTORS_COMMIT_MS = 2000;
/** Memory that SQLite may use for the pages of one file. */
export const PAGE_CACHE_KIB = 48 * 1024;
/** Deepest nesting of JSON that is taken apart; what is deeper stays a text. */
export const JSON_DEPTH_MAX = 200;
/** Characters of a long id that stay readable in the id that replaces it. */
export const REPLACED_ID_CHARACTERS = 120;
/** Texts that the embedder has at a time: rounds, and texts of each. */
export const ROUNDS_UNDER_WAY = 16;
export const ROUND_TEXTS = 16;
/** A round of long texts ends earlier. */
export const ROUND_CHARACTERS = 1_000_000;
/** Vectors of a v1 table compared with our model's before any of them is believed, */
export const SAMPLED_VECTORS = 16;
/** and the least cosine that all of them must have. */
export const SAMPLE_COSINE_MIN = 0.99;
/** Texts that a plan embeds to see how fast it goes. */
export const PLAN_SAMPLE_TEXTS = 64;
/** Longest text that a packed one of v1 becomes. */
export const UNPACKED_BYTES_MAX = 128 * 1024 * 1024;
