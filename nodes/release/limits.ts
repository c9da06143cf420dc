/** Bounds and times of releases and their supervisor. Units stand last in the names. */
/** Files of one release, and bytes of all of them. */
export const RELEASE_FILES_MAX = 20_000;
export const RELEASE_BYTES_MAX = 512 * 1024 ** 2;
/** Characters of the path of a file of a build that is carried between nodes. */
export const BUILD_PATH_LENGTH_MAX = 512;
/** Bytes of a build in one message. */
export const BUILD_BLOCK_BYTES_MAX = 256 * 1024;
/** A build that is on its way here and of which nothing came for so long is given up. */
export const BUILD_IDLE_MS = 60_000;
/** How long a build may take to be checked and asked what it is. */
export const BUILD_END_TIMEOUT_MS = 120_000;
/** How long a member may take to get all of it from another one. */
export const BUILD_FETCH_TIMEOUT_MS = 600_000;
export const BUILD_BLOCK_TIMEOUT_MS = 30_000;
/** Releases that one directory knows. */
export const RELEASES_MAX = 64;
/** Of `releases.json` and `release.json`. */
export const FILE_BYTES_MAX = 256 * 1024;
/** How long `release probe` of another release may take, and what it may print. */
export const PROBE_TIMEOUT_MS = 30_000;
/** With a rehearsal, on a machine that has other things to do. */
export const REHEARSAL_TIMEOUT_MS = 120_000;
export const PROBE_BYTES_MAX = 64 * 1024;
/** A process has loaded its modules and the embedding model after so long, or it is given up. */
export const WARM_TIMEOUT_MS = 60_000;
/** How much less urgent a process is that warms beside another, in steps of nice, and for how long. */
export const LESS_URGENT_NICE = 15;
export const LESS_URGENT_MAX_MS = 15_000;
/** A release that is tried serves after so long, or the one before is started again. */
export const READY_TIMEOUT_MS = 60_000;
/** A process that was told to end has let go of its directory after so long, or it is killed. */
export const DRAIN_LIMIT_MS = 15_000;
/** A process that has let go of its directory ends by itself within so long. */
export const EXIT_LIMIT_MS = 5_000;
/** Deaths in a row after which a release that has a fallback is given up. */
export const CRASHES_MAX = 3;
/** A process that served so long is not counted with the deaths before. */
export const CRASH_MEMORY_MS = 60_000;
export const RESTART_DELAY_MIN_MS = 200;
export const RESTART_DELAY_MAX_MS = 30_000;
/** How often a process is asked whether it lives; one that is silent so many times is killed. */
export const PING_INTERVAL_MS = 1_000;
export const PINGS_UNANSWERED_MAX = 30;
/** How long the process of a supervisor that died may hold the directory before it is killed. */
export const ORPHAN_GRACE_MS = 10_000;
/** How long one that is no such process may take to let go of it. */
export const STRANGER_GRACE_MS = 1_000;
export const LOCK_RETRY_MS = 20;
/** One request or answer of the control socket, and how many may be open. */
export const CONTROL_LINE_BYTES_MAX = 64 * 1024;
export const CONTROL_CONNECTIONS_MAX = 8;
export const CONTROL_REQUEST_TIMEOUT_MS = 5_000;
/** Waits for a hand-over with all that may go wrong in it. */
export const CONTROL_ANSWER_TIMEOUT_MS =
  WARM_TIMEOUT_MS + DRAIN_LIMIT_MS + READY_TIMEOUT_MS + WARM_TIMEOUT_MS;
export const REASON_CHARACTERS_MAX = 1_000;
