/** Bounds of agentdb's classes. Units are the last word of each name. */

/** Texts whose vector a service remembers, as in v1. */
export const TEXTS_REMEMBERED_MAX = 10_000;
/** Most rows that a search returns. */
export const HITS_MAX = 1000;
/** Pairs of episodes that a discovery looks at, as in v1. */
export const PAIRS_MAX = 1000;
/** Answers that are remembered for a minute, as in v1. */
export const ANSWERS_REMEMBERED_MAX = 1000;
export const ANSWER_REMEMBERED_MS = 60_000;
/** Steps of a causal chain, and chains that are returned. */
export const CHAIN_DEPTH_MAX = 16;
export const CHAINS_MAX = 10;
/** Partial chains that are followed at a time; v1 followed all, however many. */
export const CHAINS_FOLLOWED_MAX = 100_000;
