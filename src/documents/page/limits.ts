/** Bounds of documents in pages. Pages load this file too: nothing of Node. */
import { STATE_VECTOR_BYTES_MAX, UPDATE_BYTES_MAX } from '../limits.js';

/** Kind, ids and lengths of a frame, beside the bytes that it carries. */
const HEAD_BYTES_MAX = 4 * 1024;
/** A frame of a page: an update, or a state vector. */
export const PAGE_FRAME_BYTES_MAX = UPDATE_BYTES_MAX + HEAD_BYTES_MAX;
/** A frame of a node: what the page lacks of a document, and what the node has. */
export const NODE_FRAME_BYTES_MAX = 2 * UPDATE_BYTES_MAX + STATE_VECTOR_BYTES_MAX + HEAD_BYTES_MAX;
/** A frame of the first stream, by which a page is let in. */
export const ADMISSION_FRAME_BYTES_MAX = 2 * HEAD_BYTES_MAX;
/** Characters of a token, and of a peer id. */
export const TOKEN_CHARACTERS_MAX = 256;
export const PEER_ID_CHARACTERS_MAX = 256;

/** How often a page asks whether its node is still there; without an answer by then it is not. */
export const PING_MS = 10_000;
/** The answer of a node to a page that wants in. */
export const ADMISSION_MS_MAX = 10_000;
/** Between two tries to reach a node. */
export const RETRY_MS = 500;
/** How long `open` waits for a document, unless it is told otherwise. */
export const OPEN_MS_MAX = 30_000;
/** What a gateway says of itself, and how long it may take. */
export const GATEWAY_ANSWER_BYTES_MAX = 16 * 1024;
export const GATEWAY_MS_MAX = 5_000;
