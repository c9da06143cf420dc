/** Bounds and times of the groups of a node. Units stand last in the names. */
export const TICK_MS = 100;
export const HEARTBEAT_TICKS = 2;
/** An election starts after 1,000 to 2,000 ms without a leader. */
export const ELECTION_TICKS = 10;
/** A group falls asleep when nothing has happened for so many ticks. */
export const QUIESCE_TICKS = 30;
/** A leader whose disk takes so many ticks for a write hands over. */
export const DISK_STALL_TICKS = 50;
/** Proposals of one group that wait for their result on this node, and the bytes of all groups. */
export const PROPOSALS_PER_GROUP_MAX = 4_096;
export const PROPOSAL_BYTES_WAITING_MAX = 64 * 1024 * 1024;
export const COMMAND_BYTES_MAX = 1024 * 1024;
export const READS_PER_GROUP_MAX = 16_384;
/** How long a proposal, a read or a transfer waits when the caller does not say. */
export const WAIT_MS_DEFAULT = 10_000;
/** A read asks again for its index when no answer came for so long. */
export const READ_RETRY_MS = 1_000;
/** Entries applied since the last snapshot after which there is another, and kept before it. */
export const COMPACTION_ENTRIES = 4_000;
export const TRAILING_ENTRIES = 1_000;
/** Bytes of a snapshot, and of all that are being received. */
export const SNAPSHOT_BYTES_MAX = 256 * 1024 * 1024;
export const SNAPSHOTS_INCOMING_BYTES_MAX = 512 * 1024 * 1024;
export const SNAPSHOT_CHUNK_BYTES = 512 * 1024;
export const SNAPSHOT_CHUNK_TIMEOUT_MS = 10_000;
/** Snapshots that are sent, and received, at a time. */
export const SNAPSHOTS_SENDING_MAX = 4;
export const SNAPSHOTS_INCOMING_MAX = 16;
/** A transfer that has been silent for so long makes room for others. */
export const SNAPSHOT_SILENCE_MS_MAX = 30_000;
export const PEERS_MAX = 4_096;
export const DIAL_TIMEOUT_MS = 2_000;
export const DIAL_INTERVAL_MS = 250;
export const DIAL_BACKOFF_MIN_MS = 100;
export const DIAL_BACKOFF_MAX_MS = 2_000;
/** A peer that is not heard of for so long is gone; and how often a silent one is asked. */
export const CONNECTION_SETTINGS = { idleTimeoutMs: 3_000, keepAliveMs: 1_000 } as const;
