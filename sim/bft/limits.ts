/** Decisions that are sent at once to somebody who is behind. */
export const DECISIONS_PER_ANSWER_MAX = 16;
/** Proposals that are kept for heights still to come. */
export const EARLY_PROPOSALS_MAX = 16;
/** How long a validator waits before it helps the same one again. */
export const HELP_PAUSE_MICROSECONDS = 200_000;
/** How often a validator sends again what others may have lost. */
export const RESEND_MICROSECONDS = 400_000;
/** Messages of others that a faulty validator keeps for being sent again later. */
export const REPLAYED_MESSAGES_MAX = 64;
