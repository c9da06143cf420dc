/** Bounds of topics in a node. Those of the messages between members stand in `src/topics/limits.ts`. */

/** Topics of gossipsub that carry the topics of a swarm: all members need the same number of them. */
export const CHANNELS = 16;
/** Bytes of one message of a client, which leave room for what members write around it. */
export const MESSAGE_BYTES_MAX = 63 * 1024;
/** How deep a message may be nested. */
export const MESSAGE_DEPTH_MAX = 32;
/** Characters by which the copies of one message are told. */
export const ID_CHARACTERS_MAX = 64;
/** Subscriptions of all clients of a node, and of one peer id. */
export const SUBSCRIPTIONS_MAX = 512;
export const SUBSCRIPTIONS_PER_PEER_MAX = 64;
/** What a node holds for one slow subscriber. Then the oldest message is dropped. */
export const MAILBOX_MESSAGES_MAX = 1_024;
export const MAILBOX_BYTES_MAX = 512 * 1024;
/** How often a member is asked for its address while that is not known. Milliseconds. */
export const ASK_INTERVAL_MS = 2_000;
/** After so long a member is asked again that has said it, or that has no topics. Milliseconds. */
export const ASK_AGAIN_MS = 10_000;
/** One question to a member. Milliseconds. */
export const ASK_TIMEOUT_MS = 5_000;
/** After so long an address that could not be opened is tried again. Milliseconds. */
export const OPEN_RETRY_MS = 10_000;
