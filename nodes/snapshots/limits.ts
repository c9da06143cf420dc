/** Bounds of snapshot transfers. Units stand last in the names. */

/** Parts of a snapshot that is pushed to a member of the release before. */
export const PUSHED_CHUNK_BYTES = 512 * 1024;
export const PUSHED_CHUNK_TIMEOUT_MS = 10_000;
/** Content of one snapshot. */
export const SNAPSHOT_BYTES_MAX = 64 * 1024 ** 3;

/** A block ends behind a record from here on, on average so many bytes later, and here at last. */
export const BLOCK_BYTES_MIN = 64 * 1024;
export const BLOCK_BYTES_SPREAD = 192 * 1024;
export const BLOCK_BYTES_MAX = 512 * 1024;
export const BLOCKS_MAX = SNAPSHOT_BYTES_MAX / BLOCK_BYTES_MIN;
/** Encoded control state in a snapshot; a record of it. */
export const CONTROL_STATE_BYTES_MAX = 256 * 1024 * 1024;
export const RECORD_BYTES_MAX = 1024 * 1024 * 1024;

/** Snapshots that a node keeps for others to read. */
export const PREPARED_SNAPSHOTS_MAX = 2;
/** All of them, and what is being prepared. */
export const PREPARED_BYTES_MAX = 64 * 1024 ** 3;
/** One that nobody has read for so long is removed; after the shorter time when room is needed. */
export const PREPARED_IDLE_MS_MAX = 600_000;
export const PREPARED_IDLE_MS_MIN = 15_000;
/** Free bytes that preparing and receiving leave on a disk. */
export const DISK_RESERVE_BYTES = 16 * 1024 * 1024;
/** How often idle snapshots are looked for. */
export const SWEEP_INTERVAL_MS = 10_000;

/** Reads of one transfer that are on their way at the same time. */
export const READS_IN_FLIGHT_MAX = 4;
/** A read that was not answered by then is sent again; the time grows to the greater one. */
export const READ_TIMEOUT_MS_MIN = 10_000;
export const READ_TIMEOUT_MS_MAX = 60_000;
export const READ_BACKOFF_MS_MIN = 100;
export const READ_BACKOFF_MS_MAX = 5_000;
/** A source that cannot be reached for so long is left for another; one that only fails, later. */
export const SOURCE_UNREACHABLE_MS_MAX = 10_000;
export const SOURCE_FAILING_MS_MAX = 120_000;
/** Blocks from one source that were not what it had promised; and how often it is tried again. */
export const DAMAGED_BLOCKS_MAX = 3;
export const DAMAGED_SOURCES_MAX = 3;

export const PREPARE_TIMEOUT_MS = 5_000;
/** How often a source is asked whether it has prepared the snapshot. */
export const PREPARE_POLL_MS = 200;
/** Before the sources are tried again when none could serve. */
export const SOURCES_RETRY_MS = 500;
export const SOURCES_MAX = 1_000;

/** How often a leader says to a member that it needs a snapshot, and hears how far it is. */
export const OFFER_INTERVAL_MS = 500;
export const OFFER_TIMEOUT_MS = 2_000;
/** A member that does not answer for so long is left to the core, which tries again. */
export const OFFER_FAILING_MS_MAX = 10_000;
/** What the leader's log keeps for a member that reads; beyond, a newer snapshot is needed. */
export const PINNED_ENTRIES_MAX = 50_000;
export const PINNED_LOG_BYTES_MAX = 512 * 1024 * 1024;
/** The log is kept for a member this long after its snapshot was installed, at most. */
export const FOLLOW_TIMEOUT_MS = 10_000;

/** Reads go out behind everything else on a connection (RFC 9218: 0 to 7). */
export const READ_URGENCY = 7;
/** Other work of the event loop is let in after so long. */
export const SLICE_MS = 4;
