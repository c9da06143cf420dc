/** Bounds of the replicated state. Part of the protocol: every node must hold the same. */
export const SESSIONS_MAX = 10_000;
export const MEMBERS_MAX = 1_000;
