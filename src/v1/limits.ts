/** Bounds of reading v1 directories. Units are the last word of each name. */

/** Attempts to copy a file that its owner keeps changing. */
export const COPY_ATTEMPTS_MAX = 10;
/** Pause before looking whether the file changed; file times are this coarse at worst. */
export const COPY_SETTLE_MS = 25;
/** Files and folders that the search for v1 stores looks at. */
export const ENTRIES_VISITED_MAX = 20_000;
/** Depth of folders below the directory in which a federation hub is looked for. */
export const HUB_DEPTH_MAX = 3;
/** Other stores that are listed. */
export const STORES_LISTED_MAX = 1000;
/** Findings of SQLite's check that are quoted. */
export const FINDINGS_MAX = 5;
