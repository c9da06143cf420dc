/** Bounds of the text index. Units are the last word of each name. */

/** A longer run of letters and digits counts by its beginning. */
export const TOKEN_CHARACTERS_MAX = 64;
/** Tokens of a document that count; a length has to fit in 16 bits. */
export const DOCUMENT_TOKENS_MAX = 20_000;
/** Documents of an index. */
export const DOCUMENTS_MAX = 16_777_216;
/** Postings that are encoded and skipped together. */
export const BLOCK_POSTINGS = 64;
/** Pairs of count and length that bound the scores of a block. */
export const IMPACTS_PER_BLOCK_MAX = 4;
/** Postings of new documents before they become a segment, which takes some milliseconds. */
export const RECENT_POSTINGS_MAX = 16_384;
export const RECENT_DOCUMENTS_MAX = 4096;
/** Documents whose scores are summed side by side. */
export const WINDOW_DOCUMENTS = 4096;
/** Segments of about one size that become one. */
export const SEGMENTS_PER_TIER = 4;
/** A segment of which a larger part was deleted is written anew. */
export const DEAD_PART_MAX = 1 / 3;
/** Postings between two steps of a merge. */
export const MERGE_STEP_POSTINGS = 4096;
/** Postings that a merge goes on by for each that is put, so that it ends before the next is due. */
export const MERGE_PACE_POSTINGS = 16;
/** Longest label of a file. */
export const LABEL_BYTES_MAX = 65_536;
/** Queries whose answer is remembered, */
export const CACHED_QUERIES_MAX = 1000;
/** and for how long. */
export const CACHED_QUERY_AGE_MAX_MS = 3_600_000;
