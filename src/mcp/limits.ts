/** Bounds of the MCP server: callers are programs that may be hostile. Units are the last word of a name. */

/** Longest message on standard input, and longest body of a request over HTTP. */
export const MESSAGE_BYTES_MAX = 10_000_000;
/** Connections over HTTP at a time, and how long one may take to send its headers. */
export const CONNECTIONS_MAX = 256;
export const HEADERS_MS = 10_000;
/** Characters of all texts of one call. */
export const ARGUMENTS_CHARACTERS_MAX = 4_000_000;
/** Longest single text, unless its name says that it is a name. */
export const TEXT_CHARACTERS_MAX = 1_000_000;
/** Longest identifier of a session, user, key or namespace. */
export const NAME_CHARACTERS_MAX = 1024;
/** Values of one list, and fields of one object. */
export const LIST_VALUES_MAX = 1000;
/** Brackets within brackets of an argument. */
export const NESTING_MAX = 32;
/** Calls under way at a time; one more is refused. */
export const CALLS_MAX = 64;
/** How long calls that are under way may take to end when standard input has ended. */
export const ANSWERS_MS_MAX = 60_000;
/** Longest text of an answer. */
export const ANSWER_CHARACTERS_MAX = 2_000_000;

/** Results that a search may be asked for. */
export const RESULTS_MAX = 100;
/** Records of a namespace that a statistic, a listing or a filter without index looks at. */
export const SCANNED_RECORDS_MAX = 100_000;
/** Records read at once. */
export const PAGE_RECORDS = 1000;

/** A store that nobody used for so long is closed: to open it again costs seconds where it is large. */
export const IDLE_MS = 15_000;
/** Between two looks whether another program asks for a store that nobody uses, */
export const WANTED_POLL_MS = 200;
/** and how long one that is in use is kept from it. */
export const HELD_WHILE_WANTED_MS = 1000;
/** Between two tries to open a store that another program has, */
export const LOCK_POLL_MS = 25;
/** and how long the tries go on. */
export const LOCK_WAIT_MS = 30_000;
/** Longest that an ending server waits for the calls under way. */
export const SHUTDOWN_MS = 10_000;

/** Largest file that an edit reads or an agent's definition may have. */
export const FILE_BYTES_MAX = 4_000_000;
/** Edits of one call. */
export const EDITS_MAX = 100;
/** Agent definitions that a listing reads, and folders it looks into. */
export const AGENT_FILES_MAX = 2000;

/** Pairs of state and action that the policy of one session may hold. */
export const POLICY_PAIRS_MAX = 2000;
/** Characters of the states and actions of one policy, which is stored as one record. */
export const POLICY_CHARACTERS_MAX = 600_000;
/** Experiences of one session that a training looks at, the newest. */
export const TRAINING_EXPERIENCES_MAX = 10_000;
/** Passes over them. */
export const EPOCHS_MAX = 1000;
/** Updates of one training: passes times experiences. */
export const UPDATES_MAX = 2_000_000;
