/** Bounds of the ReasoningBank functions. Units are the last word of each name. */

export const CONFIG_BYTES_MAX = 1_000_000;
/** Texts whose vector is remembered, as in v1. */
export const EMBEDDINGS_REMEMBERED_MAX = 1000;
/** Rows compared between two returns to the event loop. */
export const ROWS_PER_TURN = 512;
/** Memories that a consolidation compares with each other; their vectors are held in memory. */
export const CONSOLIDATED_MAX = 50_000;
/** Characters of a trajectory that a model is given. */
export const TRAJECTORY_CHARACTERS_MAX = 200_000;
/** What a model may say of a memory: characters of each part, and tags. */
export const TITLE_CHARACTERS_MAX = 500;
export const DESCRIPTION_CHARACTERS_MAX = 2000;
export const CONTENT_CHARACTERS_MAX = 20_000;
export const TAGS_MAX = 32;
export const TAG_CHARACTERS_MAX = 100;
export const REASONS_MAX = 32;
export const REASON_CHARACTERS_MAX = 2000;
