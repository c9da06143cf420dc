/** Characters of a replica's name, of a key and of an element of a set. */
export const REPLICA_CHARACTERS_MAX = 128;
export const KEY_CHARACTERS_MAX = 1_024;
/** Maps inside one another, the innermost value included. */
export const PATH_DEPTH_MAX = 8;
/** Bytes of one value in a register. */
export const VALUE_BYTES_MAX = 64 * 1024;
/** Replicas that a version names: members, and those that have been. */
export const REPLICAS_MAX = 4_096;
/** Places that one update changes, and dots that one place loses by it. */
export const CHANGES_PER_UPDATE_MAX = 65_536;
export const DOTS_PER_CHANGE_MAX = 65_536;
/** Bytes of one update, and of the updates that one message carries unless a single one has more. */
export const UPDATE_BYTES_MAX = 4 * 1024 * 1024;
export const MESSAGE_BYTES_TARGET = 256 * 1024;
/** Bytes of a whole state. */
export const STATE_BYTES_MAX = 256 * 1024 * 1024;
/** Updates that wait for those that they depend on. What is beyond is dropped, and comes again. */
export const WAITING_UPDATES_MAX = 4_096;
/** How far a time may be ahead of the own clock, unless a replica is told otherwise. */
export const DRIFT_MS_MAX = 60_000;
/** Events of one millisecond that a time tells apart. */
export const TIME_COUNTER_MAX = 0xffff;
