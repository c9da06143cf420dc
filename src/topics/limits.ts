/** Bounds of topics. */

export const TOPICS_MAX = 256;
/** Characters of the name of a topic: letters, digits, `.`, `_`, `-` and `/`. */
export const NAME_CHARACTERS_MAX = 128;
/** Bytes of one message with its envelope. */
export const MESSAGE_BYTES_MAX = 64 * 1024;
/** A message is refused this long after it was sent. Milliseconds. */
export const AGE_MS_MAX = 120_000;
/** How far the clocks of two members may be apart. Milliseconds. */
export const CLOCK_SKEW_MS_MAX = 30_000;
/** Numbers below the highest one of a sender that are still told apart from replays. */
export const WINDOW_NUMBERS = 992;
/** Senders of whom the numbers are remembered, each topic counted. */
export const SENDERS_MAX = 4_096;
/** What one process may publish in one topic; others take twice as much of it before they refuse. */
export const MESSAGES_PER_SECOND_MAX = 200;
export const BYTES_PER_SECOND_MAX = 1024 * 1024;
/** Seconds of such a rate that may come at once. */
export const BURST_SECONDS = 2;
/** Calls of `publish` that wait for the rate, a topic. */
export const PUBLISHES_WAITING_MAX = 1_024;
/** Subscriptions of one process to one topic. */
export const SUBSCRIPTIONS_MAX = 64;
/** What a subscription holds for a slow reader, unless it says otherwise. */
export const MAILBOX_MESSAGES_MAX_DEFAULT = 1_024;
export const MAILBOX_BYTES_MAX_DEFAULT = 8 * 1024 * 1024;
/** Peers that are dialled, and connections. */
export const PEERS_MAX = 256;
/** Peers whose offences are remembered; the one that offended first is forgotten. */
export const OFFENDERS_MAX = 4_096;
/** One frame of gossipsub, which may carry several messages. */
export const FRAME_BYTES_MAX = 8 * 1024 * 1024;
/** Messages in one frame. */
export const FRAME_MESSAGES_MAX = 1_024;
/** Bytes that wait for a slow peer; then its stream is cut. */
export const UNSENT_BYTES_MAX = 16 * 1024 * 1024;
