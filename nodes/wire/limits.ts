/** Bounds on what a client or a peer may send. */
export const ID_LENGTH_MAX = 4_096;
export const NAMESPACE_LENGTH_MAX = 256;
export const RELATION_LENGTH_MAX = 256;
export const CONTENT_LENGTH_MAX = 1_048_576;
export const METADATA_LENGTH_MAX = 65_536;
export const METADATA_DEPTH_MAX = 16;
export const MODEL_LENGTH_MAX = 256;
export const HOST_LENGTH_MAX = 255;
export const PEER_ID_LENGTH_MAX = 128;
export const ZONE_LENGTH_MAX = 128;
export const TOKEN_LENGTH_MAX = 256;
export const REASON_LENGTH_MAX = 4_096;
export const DETAIL_LENGTH_MAX = 65_536;
/** Of the certificate of a rollout in an entry: some 260 bytes a vote, and the plan. */
export const APPROVAL_BYTES_MAX = 512 * 1024;
export const SEARCH_LIMIT_MAX = 1_000;
/** Characters of the JSON of a filter. */
export const FILTER_LENGTH_MAX = 65_536;
/** Of the hits in one answer; the transport carries 16 MiB a message. */
export const SEARCH_ANSWER_BYTES_MAX = 8 * 1024 * 1024;
/** Of an answer of the graph, as JSON. */
export const GRAPH_ANSWER_BYTES_MAX = 8 * 1024 * 1024;
/** Bounds of the graph's own (`src/memory/graph/limits.ts`), so that what is too much is refused early. */
export const QUERY_LENGTH_MAX = 16_384;
export const PARAMETERS_LENGTH_MAX = 262_144;
export const HOPS_MAX = 64;
export const RELATIONS_MAX = 64;
export const WALK_LIMIT_MAX = 10_000;
export const VECTOR_HASHES_MAX = 256;
/** Nodes in a plan or a state; the control plane has its own bound on members. */
export const NODES_MAX = 1_000;
export const SESSIONS_IN_STATE_MAX = 10_000;
/** Of the content of a memory that is read on a lane; longer ones are read on streams of their own. */
export const LANE_CONTENT_LENGTH_MAX = 16_384;
