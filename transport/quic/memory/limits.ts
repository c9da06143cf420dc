/**
 * Bounds of the memory engine alone; those that every engine has stand in `quic/limits.ts`.
 */

/** Bytes of one stream that travel together; streams that take turns change after so many. */
export const CHUNK_BYTES = 16_384;
/** Size of a packet that `stats` reports when the settings leave it to the engine. */
export const PACKET_BYTES = 16_383;
/** What is left of a packet for a datagram: its header, the tag of its AEAD and the frame's type. */
export const DATAGRAM_OVERHEAD_BYTES = 64;
/** Tickets whose early data was taken that a network remembers; beyond it early data is refused. */
export const TICKETS_REMEMBERED_MAX = 65_536;
/** A session is taken so long after it was made. */
export const TICKET_MS_MAX = 7 * 24 * 3_600_000;
/** While others may have used the keys of the tickets, early data is refused for so long. */
export const REPLAY_WINDOW_MS = 180_000;
/** Longest session that is looked at. */
export const SESSION_BYTES_MAX = 65_536;
/** Longest wait for the answer on a new path. */
export const PATH_VALIDATION_MS_MAX = 1_000;
/** How much longer a silent peer is waited for once it has been asked. */
export const IDLE_GRACE_MS = 250;
/** Answers to packets for a connection that is over. */
export const LATE_ANSWERS_MAX = 32;
/** Ports that are given out when any will do (RFC 6335 6). */
export const FREE_PORT_FIRST = 49_152;
export const FREE_PORT_LAST = 65_535;
