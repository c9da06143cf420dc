/** Bounds of embedders that somebody else computes for. Units are the last word of each name. */

/** Texts of one call, when the options do not say. */
export const BATCH_TEXTS = 64;
export const BATCH_TEXTS_MAX = 2_048;
/** Calls under way at a time, when the options do not say. */
export const CALLS_UNDER_WAY = 2;
export const CALLS_UNDER_WAY_MAX = 64;

/** For one answer of a service, when the options do not say. */
export const ANSWER_TIMEOUT_MS = 30_000;
/** Calls of a service for one batch, the first included, when the options do not say. */
export const ATTEMPTS = 5;
/** Before the second attempt; doubled before each further one, and spread over half to all of it. */
export const BACKOFF_MS = 500;
export const BACKOFF_MAX_MS = 30_000;
/** Longest wait that a service may ask for. */
export const RETRY_AFTER_MAX_MS = 60_000;

/** Characters that a component may take in JSON, and what surrounds the vectors of an answer. */
export const COMPONENT_CHARACTERS_MAX = 32;
export const ANSWER_OVERHEAD_BYTES_MAX = 64 * 1024;
/** Characters of a service's own complaint that an error repeats. */
export const COMPLAINT_CHARACTERS_MAX = 300;

/** Rounds of `embedAll` under way at a time, when the options do not say. */
export const ROUNDS_UNDER_WAY = 4;
