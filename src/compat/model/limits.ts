/** Bounds of the calls to language models. Units are the last word of each name. */

/** A try that takes longer is given up, */
export const CALL_TIMEOUT_MS = 120_000;
/** and tried again so often, */
export const RETRIES_MAX = 3;
/** after this pause, doubled each time, or what the endpoint asks for up to the second bound. */
export const RETRY_PAUSE_MS = 500;
export const RETRY_PAUSE_MAX_MS = 30_000;
/** Longest answer that is read. */
export const ANSWER_BYTES_MAX = 2_000_000;
export const TOKENS_MAX = 32_768;
