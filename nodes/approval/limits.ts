/** Bounds and times of approvals. Units stand last in the names. */

/** Fewer members cannot do without one that is faulty in any way: 3f + 1 with f = 1. */
export const APPROVERS_MIN = 4;
/** Of a request or an answer between members. */
export const REQUEST_BYTES_MAX = 640 * 1024;
/** Bytes of the value that is voted for; a plan of 1,000 nodes has some 10 KB. */
export const VALUE_BYTES_MAX = 256 * 1024;
/** How often members are asked while somebody waits for them, and how long one may take to answer. */
export const ASK_INTERVAL_MS = 400;
export const ASK_TIMEOUT_MS = 2_000;
/** How long one call of an operator waits before it is told who is missing. */
export const GATHER_MS_MAX = 5_000;
/** A proposal that nobody asks for any more is forgotten after so long. */
export const PROPOSAL_KEPT_MS = 3_600_000;
/** Heights for which a request is valid: a faulty proposer can waste one in four of them at most. */
export const REQUEST_HEIGHTS = 128;
export const REASON_LENGTH_MAX = 1_024;
