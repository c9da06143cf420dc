/**
 * Bounds of what is kept to shorten handshakes.
 */

/** A ticket key seals for this time, and opens for as long again. */
export const TICKET_KEY_PERIOD_MS = 12 * 60 * 60 * 1_000;
/** Keys in one file: the one that seals, the one before, and room for a period that was changed. */
export const TICKET_KEYS_MAX = 4;
/** How often a process looks whether another one has changed the keys. */
export const TICKET_KEYS_CHECK_MS = 1_000;
/** How long after a failed attempt keys are written again. */
export const TICKET_KEYS_RETRY_MS = 60_000;

/** A ticket can be used for seven days at most (RFC 8446 4.6.1). */
export const SESSION_AGE_MS_MAX = 7 * 24 * 60 * 60 * 1_000;
/** Peers whose session is kept; the one that was stored longest ago goes first. */
export const SESSIONS_MAX = 1_024;
/** Bytes of one session; a larger one is not kept. */
export const SESSION_BYTES_MAX = 16 * 1_024;
/** Bytes of all sessions that are kept. */
export const SESSIONS_BYTES_MAX = 4 * 1_024 * 1_024;
/** Sessions that a process stores before it counts again what others stored beside it. */
export const SESSIONS_PUT_PER_COUNT = 64;
