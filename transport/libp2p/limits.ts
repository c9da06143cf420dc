/** Bounds of the libp2p transport. Those of QUIC itself are in `../quic/limits.ts`. */

/** One certificate in DER. With an RSA key of 8,192 bits and its signature it has some 2,500. */
export const CERTIFICATE_BYTES_MAX = 8_192;
export const EXTENSIONS_MAX = 16;
/** The host's public key as libp2p writes it; RSA with 8,192 bits takes 1,062. */
export const HOST_KEY_BYTES_MAX = 1_200;
/** A signature of the host's key; RSA with 8,192 bits takes 1,024. */
export const HOST_SIGNATURE_BYTES_MAX = 1_024;
export const RSA_BITS_MIN = 2_048;
export const RSA_BITS_MAX = 8_192;

/** Bytes of one write to the engine: a stream does not hold up the others for longer. */
export const MESSAGE_BYTES_MAX = 64 * 1024;
/**
 * Bytes that an application has given to a stream and the network has not taken. A stream whose
 * writer goes on beyond it, without waiting for `drain`, is aborted.
 */
export const STREAM_WRITE_BYTES_MAX = 32 * 1024 * 1024;
/**
 * Bytes that have come and nobody has taken yet, from which on a stream reads no more. The engine
 * then holds what fits the flow-control window, and the peer waits.
 */
export const STREAM_READ_BYTES_PAUSE = 256 * 1024;
/** Calls of `createStream` on one connection that wait because the peer allows no more streams. */
export const STREAMS_WAITING_MAX = 1_024;
/** Streams that a peer may have open at once on one connection. */
export const STREAMS_MAX_DEFAULT = 256;
/** Time for a dial when its caller has more patience. */
export const DIAL_MS_MAX_DEFAULT = 10_000;
/** A connection that hears nothing for so long is over; the smaller value of both sides counts. */
export const IDLE_TIMEOUT_MS_DEFAULT = 30_000;
/** Below half of the 10 s that other implementations use as their idle timeout. */
export const KEEP_ALIVE_MS_DEFAULT = 4_000;
/** Wait for a stream when the caller of `createStream` gives no signal. */
export const STREAM_WAIT_MS_MAX = 10_000;
/**
 * How long a connection that is closed waits for the peer to end the streams that this side has
 * ended: what is on its way would be lost otherwise. Some streams the peer never ends.
 */
export const CLOSE_LINGER_MS = 50;
/** Added to it: enough for a packet to be found lost and sent again. */
export const CLOSE_LINGER_ROUND_TRIPS = 3;
