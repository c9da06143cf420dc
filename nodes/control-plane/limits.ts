/** Bounds of the replicated state. Part of the protocol: every node must hold the same. */
export const MEMBERS_MAX = 1_000;
export const SESSIONS_MAX = 10_000;
/** Sessions of one client, by its peer id: one client cannot take the places of all others. */
export const SESSIONS_PER_OWNER_MAX = 256;
/** Writes of one session that may be on their way at a time, and so answers that are kept for it. */
export const SESSION_WINDOW = 64;
/** A session that nobody used for so long is forgotten; `swarm init --session-timeout` says another. */
export const SESSION_TIMEOUT_MS_DEFAULT = 3_600_000;
export const SESSION_TIMEOUT_MS_MIN = 1_000;
export const SESSION_TIMEOUT_MS_MAX = 30 * 24 * 3_600_000;
/** One entry moves the clock by at most this part of the time-out while there are sessions. */
export const CLOCK_STEPS_PER_TIMEOUT = 4;
/** A leader tells the time so many times in a time-out while there are sessions. */
export const CLOCK_ENTRIES_PER_TIMEOUT = 8;
/** How many members may be wanted to vote; 0 is all of them. Even numbers stand no more failures. */
export const VOTERS_WANTED: readonly number[] = [0, 1, 3, 5, 7];
/** After which silence a voter may be replaced. */
export const VOTER_GONE_AFTER_MS_MIN = 5_000;
export const VOTER_GONE_AFTER_MS_MAX = 24 * 3_600_000;
