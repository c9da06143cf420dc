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
/**
 * Handlers that run for one connection, notifications included. More than the streams of a peer: a
 * handler that ignores its signal runs on after its caller has gone.
 */
export const HANDLERS_RUNNING_MAX = 256;
/** How long `close` waits for running handlers when the caller does not say. */
export const CLOSE_GRACE_MS_DEFAULT = 5_000;
