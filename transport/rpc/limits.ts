/** Bounds of the calls between peers. */

/** One message, without the four bytes of its length. */
export const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;
/** Arrays and maps inside one another. */
export const MESSAGE_DEPTH_MAX = 64;
/**
 * Values in one message, counting keys: small values cost far more memory than bytes on the wire.
 */
export const MESSAGE_VALUES_MAX = 2 * 1024 * 1024;
export const METHOD_CHARACTERS_MAX = 256;
export const TIMEOUT_MS_MAX = 86_400_000;

/** Parts of messages that wait for their rest, of one connection. */
export const RECEIVE_BYTES_MAX = 64 * 1024 * 1024;
/** Requests and answers of one connection that the peer has not made room for. */
export const SEND_BYTES_MAX = 64 * 1024 * 1024;
/** Calls of one connection that wait because the peer allows no more streams. */
export const CALLS_WAITING_MAX = 1_024;
/** Notifications in order that the peer has not made room for; further ones are not sent. */
export const ORDERED_BYTES_MAX = 16 * 1024 * 1024;
/**
 * Handlers that run for one connection, notifications included. More than the streams of a peer: a
 * handler that ignores its signal runs on after its caller has gone.
 */
export const HANDLERS_RUNNING_MAX = 256;
/** Handlers that run in an endpoint, for all peers. */
export const ENDPOINT_HANDLERS_MAX = 4_096;
/** Bytes of requests that the handlers of one peer work on, and those of all peers. */
export const REQUEST_BYTES_MAX = 64 * 1024 * 1024;
export const ENDPOINT_REQUEST_BYTES_MAX = 512 * 1024 * 1024;
/** Smaller requests are bounded by the number of handlers, and not counted. */
export const REQUEST_BYTES_COUNTED_MIN = 64 * 1024;
/** Told to a caller that is sent away because handlers are busy: when it may be worth another try. */
export const RETRY_AFTER_MS = 50;
/** Peers whose rate of calls is remembered; the one heard of least recently is forgotten. */
export const RATE_PEERS_MAX = 4_096;

/**
 * The head of a call with what rides in it. A first message that does not fit follows in a frame of
 * its own.
 */
export const HEAD_BYTES_MAX = 64 * 1024;
/** The head of a call must be whole by then after its stream opened. */
export const HEAD_MS_MAX = 10_000;
export const METADATA_ENTRIES_MAX = 64;
/** Keys and values of the metadata of one call. */
export const METADATA_BYTES_MAX = 16 * 1024;
export const IDEMPOTENCY_KEY_CHARACTERS_MAX = 128;
/** Names of features in a hello, and members of its maps. */
export const HELLO_ENTRIES_MAX = 256;
export const HELLO_BYTES_MAX = 64 * 1024;

/** Bytes of whole messages of a stream that wait for their reader before the stream is paused. */
export const UNREAD_BYTES_HIGH = 256 * 1024;
/** The stream goes on when no more than so many wait. */
export const UNREAD_BYTES_LOW = 64 * 1024;
/** Messages taken from a source in one go before others get a turn. */
export const MESSAGES_PER_TURN_MAX = 256;
/** A peer that has not heard that a stream is cancelled by then is told by STOP_SENDING. */
export const CANCEL_MS_MAX = 1_000;

/** Finished answers kept by idempotency key, of one peer and of all, and how long. */
export const IDEMPOTENT_ANSWERS_PER_PEER_MAX = 1_024;
export const IDEMPOTENT_ANSWERS_MAX = 16_384;
export const IDEMPOTENT_BYTES_PER_PEER_MAX = 4 * 1024 * 1024;
export const IDEMPOTENT_BYTES_MAX = 64 * 1024 * 1024;
export const IDEMPOTENT_AGE_MS_MAX = 300_000;

/** Refusals of peers by a failing `authorize` of which `onRefusal` has not been told yet. */
export const REFUSALS_UNTOLD_MAX = 1_024;

/** Connections of a pool, and calls that wait in it for one. */
export const POOL_CONNECTIONS_MAX = 256;
export const POOL_WAITING_MAX = 1_024;
/** How long `close` waits for running handlers when the caller does not say. */
export const CLOSE_GRACE_MS_DEFAULT = 5_000;

/** Calls of one lane that are not over, at either end; more go on streams of their own. */
export const LANE_CALLS_MAX = 128;
