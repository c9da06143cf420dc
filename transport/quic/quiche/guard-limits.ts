/**
 * Bounds by which the loop judges its peers, since quiche 0.18 lacks them: docs/quiche-advisories.md
 * says against what each stands.
 */

/** Bytes of Initial and Handshake packets, and their number, that a peer may send a connection. */
export const HANDSHAKE_BYTES_MAX = 32 * 1_024;
export const HANDSHAKE_PACKETS_MAX = 64;

/** Bytes of datagrams that begin with early data; more are dropped, and come again as 1-RTT. */
export const EARLY_BYTES_MAX = 256 * 1_024;

/** What a peer may send after the handshake without delivering anything; below it is inspected. */
export const CREDIT_BYTES = 128 * 1_024;
export const CREDIT_BYTES_PER_SECOND = 4 * 1_024;
/** An acknowledgement of each packet that we sent. */
export const CREDIT_BYTES_PER_PACKET_SENT = 256;
/** Headers and frames come on top of what is delivered. */
export const CREDIT_PER_BYTE_DELIVERED = 1.25;
/** A packet costs at least as much, however short it is. */
export const PACKET_COST_BYTES_MIN = 64;
/** Debt at which a connection ends that cannot be inspected: its windows may be full of data. */
export const DEBT_BYTES_MAX = 12 * 1_024 * 1_024;
/** Bytes of inspected packets that carry neither data nor acknowledgements, and more a second. */
export const IDLE_BYTES_MAX = 256 * 1_024;
export const IDLE_BYTES_PER_SECOND = 8 * 1_024;

/** End of the CRYPTO data that a server may send after the handshake: session tickets. */
export const CRYPTO_BYTES_MAX = 64 * 1_024;
/** PATH_CHALLENGE frames at once, and a second. */
export const PATH_CHALLENGES_MAX = 16;
export const PATH_CHALLENGES_PER_SECOND = 16;
/** Packets from another address than the one before, at once and a second; more are dropped. */
export const PATH_CHANGES_MAX = 64;
export const PATH_CHANGES_PER_SECOND = 4;
/** NEW_CONNECTION_ID and RETIRE_CONNECTION_ID frames at once, and a second. */
export const CONNECTION_ID_FRAMES_MAX = 64;
export const CONNECTION_ID_FRAMES_PER_SECOND = 4;
/**
 * STREAM frames that do not continue their stream: each is a buffer of its own until the gap before
 * it is closed. One more for each KB that is delivered.
 */
export const STREAM_GAPS_MAX = 8_192;
export const STREAM_GAPS_PER_SECOND = 64;
export const BYTES_DELIVERED_PER_GAP = 1_024;
/** Streams whose end is remembered to know gaps. */
export const STREAMS_REMEMBERED_MAX = 1_024;

/** After so many packets sent, the acknowledgements of the next packets are looked at. */
export const PACKETS_SENT_PER_AUDIT = 512;
export const PACKETS_PER_AUDIT = 4;
/**
 * A packet is held back, to see whether the peer acknowledges what it cannot have, after so many
 * packets and at most so often.
 */
export const PACKETS_SENT_PER_TRAP = 8_192;
export const TRAP_EVERY_MS = 2_000;

/**
 * Connections whose keys are logged at once: each costs a file descriptor until it is collected as
 * garbage. Twice as many as there may be connections, and half of what the process may open.
 */
export const KEY_LOGS_MAX = 8_192;
/** Key updates by which the keys may be behind when inspection begins. */
export const KEY_UPDATES_TRIED = 4;
/** A call of the native object that takes longer is a long one; so many are forgiven. */
export const CALL_MS_MAX = 250;
export const LONG_CALLS_MAX = 4;
export const LONG_CALLS_PER_SECOND = 1 / 60;
