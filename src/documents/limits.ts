/** Bounds of shared documents. */

/** Characters of the name of a document. */
export const NAME_CHARACTERS_MAX = 256;
/** Bytes of a document, encoded as one update. A message of the transport takes twice as much. */
export const DOCUMENT_BYTES_MAX = 8 * 1024 * 1024;
/** Bytes of one update: a document may come in one. */
export const UPDATE_BYTES_MAX = 8 * 1024 * 1024;
/** Bytes of a state vector: some ten for each session of an author. */
export const STATE_VECTOR_BYTES_MAX = 1024 * 1024;
/** Characters of a code, and of a sentence that says what went wrong. */
export const TEXT_CHARACTERS_MAX = 4_096;
/** Items and deletions in one update. */
export const STRUCTS_PER_UPDATE_MAX = 1024 * 1024;
/** Where the clock of one author ends: characters typed, deleted ones included. */
export const AUTHOR_CLOCK_MAX = 2 ** 31;
/** Types at the top of a document, and characters of the name of each. */
export const ROOTS_MAX = 1_024;
export const ROOT_NAME_CHARACTERS_MAX = 256;
/** Arrays and maps inside one another in one embedded value. */
export const VALUE_DEPTH_MAX = 32;
/** What a peer may say of itself: name, cursor. */
export const AWARENESS_BYTES_MAX = 4 * 1024;
/** The same of all peers of another node, with names of documents. */
export const AWARENESS_BYTES_PER_NODE_MAX = 4 * 1024 * 1024;
/** How long a node that says nothing is taken to have its peers still: three times what it repeats after. */
export const AWARENESS_EXPIRY_MS = 7_000;
/** Changes of who is here that the other nodes have not heard of. */
export const AWARENESS_CHANGES_MAX = 8_192;
/** Peers that have a document open at one node. */
export const SESSIONS_PER_DOCUMENT_MAX = 1_024;
/** Documents that a node holds in memory; of those that nobody uses the oldest goes first. */
export const DOCUMENTS_OPEN_MAX = 256;
/** Documents of a node. */
export const DOCUMENTS_MAX = 100_000;
/** Peers named in the rights of a document. */
export const RIGHTS_PEERS_MAX = 1_024;
/** Bytes that wait for a slow reader of a document, before its session ends and it has to sync again. */
export const SESSION_QUEUE_BYTES_MAX = 32 * 1024 * 1024;
/** Bytes behind a snapshot from which on the next one is made, at least. */
export const COMPACTION_BYTES_MIN = 256 * 1024;
/** A file of a document that is longer was not written here. */
export const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** Local transactions that are sent as they are; of more at a time, the difference is sent. */
export const TRANSACTIONS_GATHERED_MAX = 64;
/** Local transactions after which the difference is sent without waiting for the next turn. */
export const TRANSACTIONS_UNSENT_MAX = 16_384;
