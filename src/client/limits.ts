/** Bounds of the client. Everything that can grow or wait in it stops at one of these. */

/** Members that one client keeps connections to; members beyond it are not connected. */
export const MEMBERS_MAX = 128;

/** Writes that one client has outstanding at a time. */
export const WRITES_MAX = 64;

/** A session without use is kept alive so many times in its time-out. */
export const KEEP_ALIVES_PER_TIMEOUT = 3;

/** How long `close` tries to give the sessions of the client back, in milliseconds. */
export const CLOSE_SESSIONS_MS = 500;

/** Writes that may wait for others to be answered before further ones are refused. */
export const WAITING_WRITES_MAX = 4_096;

/** Requests that may wait for a member to become reachable before further ones are refused. */
export const WAITING_REQUESTS_MAX = 4_096;

/** First attempt of a request that needs no embedding, in milliseconds. */
export const ATTEMPT_TIMEOUT_MS = 700;

/** Each further attempt of one request may take this much longer than the one before. */
export const ATTEMPT_TIMEOUT_GROWTH = 1.5;

/** No attempt waits longer than this, in milliseconds. */
export const ATTEMPT_TIMEOUT_MS_MAX = 5_000;

/** A member turns the text of an insert or a search into a vector first, so it gets more time. */
export const EMBEDDING_ATTEMPT_FACTOR = 2;

/**
 * A question to the graph may take seconds, and the first one builds it, so it gets more time before
 * another member is asked the same.
 */
export const GRAPH_ATTEMPT_FACTOR = 10;

/** Planning and starting a rollout asks every member, so its first attempt gets more time. */
export const ROLLOUT_ATTEMPT_FACTOR = 5;

/** All attempts of one request together, in milliseconds. */
export const DEADLINE_MS = 20_000;

/** Waits between rounds of attempts, in milliseconds; a random half is taken off. */
export const BACKOFF_MS_MIN = 10;
export const BACKOFF_MS_MAX = 250;

/** How long a member that said it is cordoned or stopping is asked last, in milliseconds. */
export const AVOID_CORDONED_MS = 1_000;

/** How long a member that said it is overloaded is asked last, in milliseconds. */
export const AVOID_OVERLOADED_MS = 100;

/** Time for the first connection of a client to stand, in milliseconds. */
export const CONNECT_DEADLINE_MS = 5_000;

/** One handshake with one member, in milliseconds. */
export const HANDSHAKE_TIMEOUT_MS = 2_000;

/** How long `connect` waits for the members behind the first one, in milliseconds. */
export const DISCOVERY_MS = 1_000;

/** Interval of the heartbeat that also brings the current list of members, in milliseconds. */
export const HEARTBEAT_MS = 1_000;

/** A member that leaves a heartbeat unanswered for so long loses its connection, in milliseconds. */
export const HEARTBEAT_TIMEOUT_MS = 2_000;

/** Waits between attempts to connect to a member, in milliseconds; doubles from the least. */
export const RECONNECT_MS_MIN = 50;
export const RECONNECT_MS_MAX = 1_000;

/** Hits one search may ask for. */
export const SEARCH_LIMIT_MAX = 1_000;

/** Memories that one page of a list may have. */
export const LISTED_MAX = 1_000;

/** Messages of a topic that a client reads before its program takes them. */
export const TOPIC_MESSAGES_AHEAD_MAX = 64;

/** Messages of a topic that are remembered, so that a copy is not delivered twice. */
export const TOPIC_COPIES_REMEMBERED = 1_024;
