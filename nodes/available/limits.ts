/** Bounds of available namespaces. */

/** Namespaces of a node. */
export const NAMESPACES_MAX = 256;
/** Characters of an id: a key of replicated data. */
export const ID_CHARACTERS_MAX = 1_024;
/** Bytes of one memory with its vector: a value of replicated data. */
export const MEMORY_BYTES_MAX = 64 * 1024;
/** Bytes of the rights of a namespace: some five hundred peers as readers and as writers. */
export const RIGHTS_BYTES_MAX = 64 * 1024;
/** Bytes of the memories of a namespace; a member that joins gets them in one piece. */
export const NAMESPACE_BYTES_MAX = 64 * 1024 * 1024;
/** A file of a namespace that is longer was not written here. */
export const FILE_BYTES_MAX = 1024 * 1024 * 1024;
/** Bytes behind a snapshot from which on the next one is made, at least. */
export const COMPACTION_BYTES_MIN = 1024 * 1024;

/**
 * Memories that have expired are removed by the member that is first in the order of node ids, and by each
 * one behind it so much later, if they are still there.
 */
export const EXPIRED_TURN_MS = 5_000;
/** Those of a namespace that are removed at a time. */
export const EXPIRED_PER_TURN_MAX = 256;

/** How often a node tells others what it has. */
export const COMPARE_INTERVAL_MS = 1_000;
/** A member that does not know available namespaces, or is not there, is told again after so long. */
export const UNKNOWN_RETRY_MS = 10_000;
export const ASK_TIMEOUT_MS = 10_000;
/** Calls on their way to one member; what is beyond is dropped, and found by the next comparison. */
export const CALLS_MAX = 16;
/** Messages of one call, and bytes of them unless a single one has more. */
export const MESSAGES_PER_CALL_MAX = 1_024;
export const CALL_BYTES_TARGET = 1024 * 1024;
/** A message with more bytes is sent in pieces of so many. */
export const PIECE_BYTES = 4 * 1024 * 1024;
/** Bytes of a message that comes in pieces. */
export const PIECED_BYTES_MAX = 256 * 1024 * 1024;

/** Names and memories of a state that are worked on between two other things, and bytes of them. */
export const SLICE_ITEMS_MAX = 4_096;
export const SLICE_BYTES_MAX = 1024 * 1024;

/** States that are held for operators who read them. */
export const EXPORTS_MAX = 2;

/** Memories of one answer of a list, and bytes of them. */
export const LISTED_MAX = 1_000;
export const LISTED_BYTES_MAX = 4 * 1024 * 1024;
/** Memories that the index takes at a time. */
export const INDEXED_PER_TURN = 32;
