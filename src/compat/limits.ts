/** Bounds of the compatibility layer. Units are the last word of each name. */

/** A session that nobody used for so long lets go of its store, so that another program may have it. */
export const IDLE_MS = 1000;
/** Longest that a session keeps a store which another program waits for. */
export const HELD_WHILE_WANTED_MS = 1000;
/** How long the store stays free then, if nobody takes it. */
export const LET_IN_MS = 500;
/** Between two tries to take a store that another program has, */
export const LOCK_POLL_MS = 20;
/** and how long the tries go on. */
export const LOCK_WAIT_MS = 30_000;
/** The same where this process has the store, and this thread may be what has to let go. */
export const OWN_LOCK_WAIT_MS = 5000;
/** Rows that a scan reads at once. */
export const SCAN_ROWS = 256;
/** Memories that get their missing vector at once. */
export const EMBED_AT_ONCE_ROWS = 64;
/** Largest manifest of a migration that is read, and most sources that are looked at. */
export const MANIFEST_BYTES_MAX = 4_000_000;
export const MANIFEST_SOURCES_MAX = 10_000;
/** Folders above the present one in which a project is looked for. */
export const FOLDERS_UP_MAX = 64;
