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
