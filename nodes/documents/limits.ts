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
/** How often members hear of who is here, at most, and how often of all of them. */
export const AWARE_INTERVAL_MS = 100;
export const AWARE_REPEAT_MS = 2_000;
export const AWARE_TIMEOUT_MS = 2_000;
/** What peers say of themselves, in one call. */
export const AWARE_STATES_PER_CALL_MAX = 256;
/** The same, waiting for one member; what is beyond it hears when all is said again. */
export const AWARE_WAITING_MAX = 8_192;
/** Calls about who is here that are taken of one member. */
export const AWARE_CALLS_PER_SECOND_MAX = 64;
