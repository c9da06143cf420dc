/**
 * Bounds of HTTP/3: everything that a peer can make grow stands here.
 */

/** What we promise a peer to remember for it: SETTINGS_QPACK_MAX_TABLE_CAPACITY (RFC 9204 5). */
export const QPACK_TABLE_BYTES_MAX = 4_096;
/** Requests that may wait for the encoder stream at once: SETTINGS_QPACK_BLOCKED_STREAMS. */
export const QPACK_BLOCKED_STREAMS_MAX = 16;
/** Of the table that a peer offers, so much is used. */
export const QPACK_ENCODER_TABLE_BYTES_MAX = 4_096;
/**
 * Sections sent that the peer has not acknowledged; beyond it sections refer to nothing that would
 * have to be acknowledged.
 */
export const QPACK_SECTIONS_UNACKNOWLEDGED_MAX = 256;
/** One instruction on an encoder or decoder stream, with its strings. */
export const QPACK_INSTRUCTION_BYTES_MAX = 8_192;
/** Bytes of answers that wait for the decoder stream. */
export const QPACK_ANSWER_BYTES_MAX = 16 * 1024;

/**
 * All fields of a request or response, each counted with 32 bytes on top (RFC 9114 4.2.2):
 * SETTINGS_MAX_FIELD_SECTION_SIZE.
 */
export const FIELD_SECTION_BYTES_MAX = 16 * 1024;
/** Payload of a HEADERS frame. */
export const HEADERS_FRAME_BYTES_MAX = 16 * 1024;
/** Payload of a SETTINGS frame, and settings in it. */
export const SETTINGS_FRAME_BYTES_MAX = 1_024;
export const SETTINGS_MAX = 64;
/** Payload of other frames that are read whole (GOAWAY, MAX_PUSH_ID, CANCEL_PUSH): an integer. */
export const INTEGER_FRAME_BYTES_MAX = 8;
/**
 * Handlers that run for one connection, also for requests that were reset: beyond it requests are
 * rejected, so that a peer cannot start work without end by resetting what it asks for.
 */
export const REQUESTS_RUNNING_MAX = 128;
/** Interim responses (1xx) before the final one. */
export const INTERIM_RESPONSES_MAX = 16;
/** Payload of a capsule (RFC 9297 3.2) that is kept; longer ones of unknown type are skipped. */
export const CAPSULE_BYTES_MAX = 4_096;
/** Bytes of a body that are read ahead of its reader. */
export const BODY_READ_AHEAD_BYTES = 64 * 1024;
