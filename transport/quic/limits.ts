/**
 * Bounds of the QUIC loop. Everything that a peer, or a careless caller, can make grow stands here.
 */

/**
 * Streams that a peer may have open at once, in each direction and for each type (RFC 9000 4.6).
 */
export const STREAMS_MAX = 100;
/** Flow control of one stream and of one connection (RFC 9000 4.1). */
export const STREAM_WINDOW_BYTES = 1024 * 1024;
export const CONNECTION_WINDOW_BYTES = 10 * 1024 * 1024;

/** Path MTU that any network carries; loopback carries far more and bulk speed depends on it. */
export const PACKET_BYTES_NETWORK = 1_350;
export const PACKET_BYTES_LOOPBACK = 16_383;
/** What QUIC demands of every path (RFC 9000 14). */
export const PACKET_BYTES_MIN = 1_200;

/** Bytes that one stream holds for a peer that does not read, beyond what the engine took. */
export const STREAM_QUEUE_BYTES_MAX = 32 * 1024 * 1024;
/** Datagrams of one connection that wait to be read, and to be sent; more are dropped. */
export const DATAGRAMS_QUEUED_MAX = 1_024;
/** Inbound connections that have not proven an identity yet; more Initial packets are ignored. */
export const HALF_OPEN_CONNECTIONS_MAX = 256;
/** Connections of an engine, both directions; more Initial packets are ignored, `connect` fails. */
export const CONNECTIONS_MAX = 4_096;
/** An inbound connection that has not proven an identity by then is dropped. */
export const HANDSHAKE_MS_MAX = 5_000;
/** Longest wait, in a graceful close, for the peer to acknowledge what was written. */
export const CLOSE_FLUSH_MS_MAX = 1_000;
/** Streams remembered to know, in a graceful close, whether the peer has them. */
export const FINISHED_STREAMS_REMEMBERED = 512;

/** Packets that one connection sends before the socket and the other connections get a turn. */
export const PACKETS_PER_FLUSH_MAX = 1_024;
/**
 * The same while it closes: quiche 0.18 can answer `send` with acknowledgement-only packets for
 * ever when it is closed before its handshake is confirmed.
 */
export const PACKETS_PER_FLUSH_CLOSING_MAX = 4;
/**
 * Bytes that wait in the kernel's and libuv's send queue; beyond it packets are dropped, as a full
 * router would.
 */
export const SOCKET_QUEUE_BYTES_MAX = 8 * 1024 * 1024;
/** Asked of the kernel for each direction; it may grant less. */
export const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * Closed connections whose last packet is kept to answer a peer that missed it (RFC 9000 10.2.1),
 * and how long.
 */
export const LINGERING_CONNECTIONS_MAX = 1_024;
export const LINGER_MS = 3_000;
/** Times that the last packet is sent again for one closed connection. */
export const LINGER_ANSWERS_MAX = 32;

/**
 * A peer that stops reading (STOP_SENDING) is noticed within this time while nothing is written.
 */
export const STOP_POLL_MS = 10;
/** Bytes of a close reason that travel. */
export const CLOSE_REASON_BYTES_MAX = 512;
/**
 * Largest stream or connection error code that this loop uses or accepts from a caller: of the 62
 * bits of RFC 9000 20.2 those that a number holds exactly (WebTransport needs 47).
 */
export const ERROR_CODE_MAX = Number.MAX_SAFE_INTEGER;
/**
 * Streams after which a connection asks to be replaced: quiche 0.18 remembers the id of every
 * finished stream (some 18 bytes each) until the connection ends.
 */
export const WORN_STREAMS = 1_000_000;
