/** Bounds and times of a node. Units stand last in the names. */
export const TICK_MS = 50;
export const HEARTBEAT_TICKS = 2;
/**
 * Followers promise a leader 550 ms, and the first campaigns 600 to 650 ms after its last word, each other
 * one 100 ms later. A leader of a release before may count on a promise of its lease, 500 ms.
 */
export const ELECTION_TICKS = 12;
export const ELECTION_STEP_TICKS = 2;
/** Ticks after which a write of a leader is overdue: it hands over, 600 ms after the disk hung. */
export const DISK_STALL_TICKS = 12;
/** Of a leader whose reads are answered by lease, when that is on. */
export const LEASE_MS = 400;
/** Entries, bytes of entries or time after which the log is compacted. */
export const COMPACTION_ENTRIES = 16_000;
export const COMPACTION_BYTES = 64 * 1024 ** 2;
export const COMPACTION_AGE_MS = 60 * 60 * 1_000;
/** How much of the log is kept for followers that lag. */
export const TRAILING_ENTRIES = 4_000;
export const TRAILING_BYTES = 16 * 1024 ** 2;
/** How often a leader looks for memories that have expired, and how many it has deleted at once. */
export const EXPIRY_INTERVAL_MS = 500;
export const EXPIRY_PROPOSALS_MAX = 256;
/** How long entries are applied before anything else gets its turn. */
export const APPLY_SLICE_MS = 5;
/** Proposals that wait for their answer on one node. */
export const PROPOSALS_MAX = 4_096;
export const READS_MAX = 16_384;
/** A read asks again for its index when no answer came for so long. */
export const READ_RETRY_MS = 400;
export const FORWARD_TIMEOUT_MS = 5_000;
/** A member that is not heard of for so long is gone; and how often a silent one is asked. */
export const CONNECTION_SETTINGS = { idleTimeoutMs: 5_000, keepAliveMs: 1_000 } as const;
export const DIAL_TIMEOUT_MS = 2_000;
/** How often connections that are not open are looked after. */
export const DIAL_INTERVAL_MS = 500;
/** Consensus messages to one member that wait for its connection. */
export const MESSAGES_WAITING_MAX = 64;
/**
 * Appends to one member that it has not acknowledged, and their bytes. Each takes a stream of the
 * hundred that a peer grants; the rest is for heartbeats and answers.
 */
export const APPENDS_IN_FLIGHT_MAX = 48;
export const APPEND_BYTES_IN_FLIGHT_MAX = 4 * 1024 * 1024;
/** Entries of appends that are merged on their way to one member; what a single one may carry. */
export const COALESCED_BYTES_MAX = 1024 * 1024;
/** What an entry costs in a message beyond its data. */
export const APPEND_ENTRY_OVERHEAD_BYTES = 21;
/** How long a commit index waits for the next message to the same member. */
export const COMMIT_DELAY_MS = 5;
/** Consensus messages that gather in one turn before they leave. */
export const MESSAGES_GATHERED_MAX = 1_024;
export const DIAL_BACKOFF_MIN_MS = 100;
export const DIAL_BACKOFF_MAX_MS = 2_000;
/** How long SIGTERM waits for running requests. */
export const DRAIN_TIMEOUT_MS = 5_000;
/** How long it then tries to tell the others that it left. */
export const GOODBYE_TIMEOUT_MS = 2_000;
/** Tries of one rollout step before the rollout is aborted. */
export const STEP_ATTEMPTS_MAX = 5;
export const STEP_RETRY_MS = 500;
/** Between tries of a step that has no other end, and that another try alone will not mend. */
export const STEP_RETRY_MAX_MS = 30_000;
/** How long a store that could not be built waits for the next try. */
export const BRING_UP_RETRY_MS = 1_000;
export const VECTORS_TIMEOUT_MS = 2_000;
export const CATCH_UP_BYTES_MAX = 1024 * 1024;
/** How often a node that has not caught up asks the members it knew who the others are. */
export const LEARN_INTERVAL_MS = 1_000;
/** How long the node before this one, which hands over, may keep the port, and how often it is tried. */
export const PORT_WAIT_MS = 5_000;
export const PORT_RETRY_MS = 2;
/** How long the connections of a node that hands over may still be busy. */
export const HAND_OVER_GRACE_MS = 100;
