/** Bounds of a store that a program opens for itself. Units are the last word of each name. */

/** Operations and time that a group commit waits for, when the options do not say, */
export const BATCH_OPERATIONS = 100;
export const BATCH_DELAY_MS = 100;
/** and the most that they may say. */
export const BATCH_OPERATIONS_MAX = 10_000;
export const BATCH_DELAY_MAX_MS = 60_000;

/** Longest log of puts, and bytes from which on it is begun anew as soon as the file has what is in it; */
export const PUT_LOG_BYTES_MAX = 67_108_864;
export const PUT_LOG_ANEW_BYTES = 1_048_576;
/** puts of more bytes at once go into the file without it. */
export const LOGGED_AT_ONCE_BYTES_MAX = 4_194_304;
/** Bytes and puts that are in the log and not in the file: a read first waits for them. */
export const UNAPPLIED_BYTES_MAX = 16_777_216;
export const UNAPPLIED_PUTS_MAX = 10_000;
/** The file follows when nothing was put for so long, with so many puts a transaction. */
export const UNAPPLIED_REST_MS = 250;
export const APPLIED_AT_ONCE_PUTS = 256;

/** Calls that the thread has at a time, or twice the operations of a batch if those are more; */
export const CALLS_UNDER_WAY_MAX = 256;
/** calls that wait or are under way, from one more on they are refused, */
export const CALLS_MAX = 10_000;
/** and the characters of their contents and metadata. */
export const WAITING_CHARACTERS_MAX = 64_000_000;
/** Records of one `putMany`, which is one transaction. */
export const RECORDS_AT_ONCE_MAX = 10_000;

/** Records of one page of a list, when the query does not say, and at most. */
export const PAGE_RECORDS = 100;
export const PAGE_RECORDS_MAX = 1000;
/** Characters after which a page ends. */
export const PAGE_CHARACTERS_MAX = 4_000_000;
/** Longest cursor of a list. */
export const CURSOR_CHARACTERS_MAX = 40_000;

/** Records that expired and are deleted in one transaction. */
export const SWEEP_RECORDS_MAX = 256;
/** Longest time between two looks at what has expired: clocks are set, too. */
export const SWEEP_INTERVAL_MAX_MS = 60_000;
/** Records of a namespace that are deleted in one transaction. */
export const DELETED_AT_ONCE_MAX = 256;

/** Tries to take the lock of a store, should others try in the same moment. */
export const LOCK_TRIES_MAX = 16;
export const LOCK_TIMEOUT_MS = 250;

/** Exports that a store reads for at a time, and characters of one page of theirs. */
export const EXPORTS_MAX = 8;
export const EXPORT_PAGE_CHARACTERS = 262_144;

/** Pages given back in the first slice of a compaction, and how long a slice should take. */
export const COMPACT_SLICE_PAGES = 64;
export const COMPACT_SLICE_MAX_MS = 4;

/** Longest line of an import: the longest content and metadata that a store holds, each character escaped. */
export const LINE_BYTES_MAX = 150_994_944;
/** Lines, and their characters, that are put at once. */
export const IMPORT_BATCH_LINES = 250;
export const IMPORT_BATCH_CHARACTERS = 262_144;

/** Examples that a check keeps of each kind of problem, and messages that SQLite gives of damage. */
export const EXAMPLES_MAX = 10;
export const INTEGRITY_MESSAGES_MAX = 100;
/** Rows between two tellings of how far a job is. */
export const ROWS_BETWEEN_PROGRESS = 1000;
/** How the thread of a store ends that was told to end at once, */
export const ENDED_EXIT_CODE = 1;
/** and how long it may take until it is ended from outside. */
export const END_TIMEOUT_MS = 5000;
