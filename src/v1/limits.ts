/** Bounds of reading v1 directories. Units are the last word of each name. */

/** How long a file that its owner keeps changing is tried to be copied. */
export const COPY_TRIES_MS = 10_000;
/** Pause before looking whether the file changed; file times are this coarse at worst. */
export const COPY_SETTLE_MS = 25;
/** Copies whose log looks damaged, after which it counts as damaged. */
export const LOG_ATTEMPTS_MAX = 3;
/** Files and folders that the search for v1 stores looks at. */
export const ENTRIES_VISITED_MAX = 100_000;
/** Depth of folders below the directory in which files of v1 are looked for. */
export const WALK_DEPTH_MAX = 8;
/** Folders upwards in which a `.env` is looked for. */
export const FOLDERS_UP_MAX = 64;
/** A larger `.env` is not searched for paths. */
export const ENV_FILE_BYTES_MAX = 1024 * 1024;
/** Larger configuration files are not looked into. */
export const CONFIG_BYTES_MAX = 4 * 1024 * 1024;
/** Other stores that are listed. */
export const STORES_LISTED_MAX = 1000;
/** Findings of SQLite's check that are quoted. */
export const FINDINGS_MAX = 5;
/** Databases up to this size are checked with their indexes, larger ones without. */
export const THOROUGH_CHECK_BYTES_MAX = 64 * 1024 * 1024;
/** Lost rows that are named in a reason. */
export const LOST_NAMED_MAX = 10;
/** JSON files are read whole, up to this size. */
export const JSON_BYTES_MAX = 256 * 1024 * 1024;
/** Members of a JSON object that become columns; all are in the text beside them. */
export const JSON_COLUMNS_MAX = 200;
/** Keys that are held to find equal ones. */
export const KEYS_COMPARED_MAX = 500_000;
/** Rows after which the analysis lets others work. */
export const ROWS_BETWEEN_PAUSES = 5000;
