/** How often a node compares its documents with those of each other member. */
export const COMPARE_INTERVAL_MS = 1_000;
/** A member that does not know documents, or is not there, is asked again after so long. */
export const UNKNOWN_RETRY_MS = 10_000;
/** One question to a member. */
export const ASK_TIMEOUT_MS = 10_000;
/** Documents that are exchanged with one member before the others get a turn. */
export const EXCHANGES_PER_ROUND_MAX = 256;
/** Updates on their way to one member; what is beyond is found by the next comparison. */
export const PUSHES_MAX = 256;
/** Messages of one comparison: a set of a million takes five. */
export const COMPARE_ROUNDS_MAX = 64;
/** Names that one answer lists. */
export const NAMES_MAX = 1_000;
