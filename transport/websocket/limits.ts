/**
 * Bounds of sessions over WebSocket. Pages load this file too: nothing of Node.
 */

/** Streams that a peer may have open at once, each type. */
export const STREAMS_MAX = 32;
/** Bytes of one stream that a peer may send before somebody reads them. */
export const STREAM_WINDOW_BYTES = 256 * 1024;
/** Bytes of a stream in one message. */
export const PIECE_BYTES_MAX = 64 * 1024;
/** Bytes of one message with its head; a longer one ends the session. */
export const MESSAGE_BYTES_MAX = PIECE_BYTES_MAX + 64;
/** Bytes of a datagram: about what the same has over HTTP/3. */
export const DATAGRAM_BYTES_MAX = 1_200;
/** Credit that a peer may give for a stream. */
export const CREDIT_BYTES_MAX = 2 ** 31;
/** Streams opened over the life of a session, each type and side: ids have 32 bits. */
export const STREAM_ID_MAX = 2 ** 32 - 1;

/** Bytes that wait in the socket, beyond which streams wait. */
export const SOCKET_BYTES_BUSY = 1024 * 1024;
/** Bytes that wait in the socket, beyond which datagrams are dropped. */
export const SOCKET_BYTES_DATAGRAMS_MAX = 64 * 1024;
/** Bytes that wait in the socket, beyond which the peer counts as gone. */
export const SOCKET_BYTES_MAX = 8 * 1024 * 1024;
/** How often a page looks whether its socket has room again: a WebSocket does not tell. */
export const SOCKET_POLL_MS = 10;

/** Sessions of one gateway. */
export const SESSIONS_MAX = 256;
/** The first message of a peer must come within this time. */
export const HELLO_MS_MAX = 5_000;
/** How often a gateway asks whether a page is still there; one that missed two is gone. */
export const PING_MS = 15_000;
/** How long a page tries WebTransport before it takes the WebSocket. */
export const WEBTRANSPORT_MS_MAX = 4_000;
