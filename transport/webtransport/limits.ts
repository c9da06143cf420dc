/**
 * Bounds of sessions, over HTTP/3 and over WebSocket. Pages load this file too: nothing of Node.
 */

/**
 * Connections that an engine holds for pages, whose peers prove nothing: more are closed at once,
 * so that places are left for nodes.
 */
export const CONNECTIONS_MAX = 512;
/** A connection without a session is closed after this time. Milliseconds. */
export const SESSIONLESS_MS_MAX = 60_000;
/** Sessions of one connection, also those whose `authorize` has not answered yet. */
export const SESSIONS_MAX = 16;
/**
 * Streams of one connection whose session is not there yet (the packet with its request was lost or
 * late); more are refused.
 */
export const EARLY_STREAMS_MAX = 16;
/** Bytes kept of them, beyond which they are refused; the rest waits with the peer. */
export const EARLY_STREAM_BYTES_MAX = 64 * 1024;
/** Datagrams that came before their session; more are dropped. */
export const EARLY_DATAGRAMS_MAX = 16;
/** Closed sessions whose late streams are refused at once. */
export const CLOSED_SESSIONS_REMEMBERED = 64;

/**
 * Streams of the peer that wait in `incoming...Streams`, each type, beyond which no more are looked
 * at until some were taken: they stay with the limit of streams of the connection.
 */
export const INCOMING_STREAMS_BUSY = 64;
/** Those that wait all the same, each type; more are refused. */
export const INCOMING_STREAMS_MAX = 128;
/** Calls of `create...Stream` that wait for the limit of the peer. */
export const OPENING_STREAMS_MAX = 1_024;
/** Bytes of a stream that are read ahead of its reader; what is beyond stays with the peer. */
export const READ_AHEAD_BYTES = 64 * 1024;
/** Bytes that a writer may be ahead of what is sent, before its `ready` waits. */
export const WRITE_AHEAD_BYTES = 64 * 1024;
/** Datagrams that wait to be read; the oldest is dropped for a new one. */
export const DATAGRAMS_WAITING_MAX = 256;
/** Bytes of the reason of a close (draft-ietf-webtrans-http3 5). */
export const CLOSE_REASON_BYTES_MAX = 1_024;
/** Largest code of a close or of a stream: 32 bits. */
export const CODE_MAX = 0xffff_ffff;

/** How long a client waits for the answer to its close before it drops the connection. */
export const CLOSE_ANSWER_MS_MAX = 1_000;

/** Chromium takes a certificate by its hash only when it is valid for at most so long. */
export const CERTIFICATE_DAYS_MAX = 14;
/** How long a certificate is used before its successor, which has been published by then, is. */
export const CERTIFICATE_USE_DAYS = 6;
/** How often it is looked whether it is time. Milliseconds. */
export const CERTIFICATE_CHECK_MS = 60 * 60 * 1_000;
/** The clock of a browser may be behind ours by so much. Milliseconds. */
export const CLOCK_SKEW_MS = 60 * 60 * 1_000;
