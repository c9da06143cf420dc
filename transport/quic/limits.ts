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

/** What QUIC demands of every path (RFC 9000 14), and what is sent until more is known to pass. */
export const PACKET_BYTES_MIN = 1_200;
/** Largest that is ever sent. Loopback carries it, and bulk speed depends on it. */
export const PACKET_BYTES_MAX = 16_383;
/** MTU of an interface whose own cannot be read: Ethernet's. */
export const INTERFACE_MTU_BYTES_DEFAULT = 1_500;

/** Bytes that one stream holds for a peer that does not read, beyond what the engine took. */
export const STREAM_QUEUE_BYTES_MAX = 32 * 1024 * 1024;
/** Datagrams of one connection that wait to be read, and to be sent; more are dropped. */
export const DATAGRAMS_QUEUED_MAX = 1_024;
/** Inbound connections that have not proven an identity yet; more Initial packets are ignored. */
export const HALF_OPEN_CONNECTIONS_MAX = 256;
/**
 * Of these, from one address of IPv4 or one /64 of IPv6 that has shown (Retry) that it receives there.
 */
export const HALF_OPEN_PER_NETWORK_MAX = 128;
/** Connections of an engine, both directions; more Initial packets are ignored, `connect` fails. */
export const CONNECTIONS_MAX = 4_096;
/** With so many of them, who wants to connect must show that it receives at its address (Retry). */
export const HALF_OPEN_CONNECTIONS_RETRY = 64;
/** A Retry token is taken so long after it was made. */
export const RETRY_TOKEN_MS_MAX = 10_000;
/** Stateless resets that an engine sends a second (RFC 9000 10.3.3). */
export const RESETS_PER_SECOND_MAX = 200;
/** First packets that are kept until the whole ClientHello has come, of all peers, and how long. */
export const PENDING_HELLOS_MAX = 64;
export const PENDING_HELLO_MS_MAX = 1_000;
/**
 * Connection ids that each side keeps for the other (RFC 9000 5.1.1). quiche 0.18 has as many paths,
 * and never gives back one that it has used.
 */
export const PATHS_MAX = 8;
/** Of these, how many the peer has in hand to move to another path. */
export const CONNECTION_IDS_SPARE = 2;
/** Local addresses of an engine, the one that it listens on included. */
export const SOCKETS_MAX = 64;
/** Longest wait for the answer on a new path before a migration counts as failed. */
export const MIGRATION_MS_MAX = 5_000;
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

/**
 * What is read of a client before there is a connection for it: bytes of its ClientHello (2 KB with
 * a post-quantum key), datagrams that carry them, and Initial packets in one datagram.
 */
export const CRYPTO_BYTES_MAX = 16 * 1024;
export const CLIENT_HELLO_DATAGRAMS_MAX = 8;
export const INITIAL_PACKETS_PER_DATAGRAM_MAX = 4;
/** Packets by which an Initial may come late; quiche takes 127 for the most. */
export const PACKET_NUMBERS_REORDERED_MAX = 64;
/**
 * How long a ClientHello with early data is remembered: BoringSSL takes one for fresh during 120
 * seconds, and a minute is added for clocks that are set back (see `replay-register.ts`).
 */
export const REPLAY_WINDOW_MS = 180_000;
/** Handshakes with early data within that window; the rest go without. */
export const REPLAY_ENTRIES_MAX = 65_536;
/** Largest qlog file of one connection; what happens after that is not written down. */
export const QLOG_BYTES_MAX = 256 * 1024 * 1024;
/** Connection ids that one connection ever hands out: more are only asked for to keep us busy. */
export const CONNECTION_IDS_ISSUED_MAX = 1_000;
/** Path events looked at in one turn; the rest in the next. */
export const PATH_EVENTS_PER_TURN_MAX = 64;
/** A socket that a connection has left still hears packets that were on their way. */
export const SOCKET_LINGER_MS = 3_000;
/**
 * What a packet with one DATAGRAM frame holds besides the datagram: header with a connection id of
 * 20 bytes, packet number, AEAD tag, frame type and length.
 */
export const DATAGRAM_OVERHEAD_BYTES = 1 + 20 + 4 + 16 + 1 + 2;
/** Packets in a turn while a peer behind a NAT is being heard at a new port. */
export const PACKETS_PER_FLUSH_REBOUND_MAX = 2;
/** A stream that this side stopped, and that is not freed by itself, is seen to after so long. */
export const REAP_AFTER_MS = 25;
/** It is looked after less and less often, down to this. */
export const REAP_EVERY_MS_MAX = 1_000;
/** How often a graceful close looks whether the peer has everything. */
export const CLOSE_POLL_MS = 5;
/** What bytes count for at least that were taken out of the engine for a stream that is paused. */
export const HELD_COST_BYTES_MIN = 4_096;
/**
 * How long an acknowledgement waits for something that it can travel with; and the packets after
 * which it waits no longer (RFC 9000 13.2.2).
 */
export const ACK_DELAY_MS = 5;
export const ACK_PACKETS_MAX = 2;
/** Of a packet that only acknowledges, with a connection id of 20 bytes and a few ranges. */
export const ACK_PACKET_BYTES_MAX = 64;
