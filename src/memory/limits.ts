/** Bounds of the memory engines. Units are the last word of each name. */

/** Longest memory id, relation or model name. */
export const NAME_CHARACTERS_MAX = 4096;
/** Longest name of a namespace. */
export const NAMESPACE_CHARACTERS_MAX = 256;
/** Longest content of a memory that a command may carry. */
export const CONTENT_CHARACTERS_MAX = 4_000_000;
/** Longest JSON text of a command's metadata. */
export const METADATA_CHARACTERS_MAX = 1_000_000;
/**
 * Longest texts of a record that a store of one program holds: what a migration brings and an import takes back. A
 * command of a swarm carries less, since it travels.
 */
export const HELD_CONTENT_CHARACTERS_MAX = 20_000_000;
export const HELD_METADATA_CHARACTERS_MAX = 4_000_000;
/** Most components of a vector. */
export const VECTOR_DIMENSIONS_MAX = 4096;
/** Last instant that a JavaScript Date can hold. */
export const TIMESTAMP_MAX_MS = 8_640_000_000_000_000;
/** Most hits that a search returns. */
export const SEARCH_HITS_MAX = 1000;
/** Rows that one page of a list reads at most, and characters of their contents. */
export const LISTED_ROWS_MAX = 1000;
export const LISTED_CHARACTERS_MAX = 1_000_000;
/** Vectors of a model that are compared one by one; from one more on there is a graph of them. */
export const SCANNED_VECTORS_MAX = 2000;
/** Vectors held beside a graph whose snapshot is being written; from one more on it is given up. */
export const HELD_VECTORS_MAX = 2000;
/** Least efSearch of the engine; real words want more than the 50 of an index (docs/memory.md). */
export const SEARCH_BREADTH_MIN = 128;
/** Hits asked of a graph beyond those wanted, to see whether level scores were cut. */
export const SPARE_HITS = 16;
/** Longest stretch of work on the graph between two returns to the event loop, but for one vector. */
export const UPKEEP_SLICE_MAX_MS = 2;
/** Between two such stretches. */
export const UPKEEP_REST_MS = 2;
/** Vectors read from the store at once while the index is built. */
export const VECTORS_PER_STEP = 64;
/** Changes that are in a snapshot now and leave the journal in one transaction. */
export const FORGOTTEN_PER_STEP = 512;
/** Changed vectors from which on a snapshot is written, */
export const SNAPSHOT_CHANGES_MIN = 1000;
/** or the part of all vectors that changed, whichever is more. */
export const SNAPSHOT_CHANGES_PART = 1 / 8;
/** Most fields of a filter, most values of one of them, and longest value that a filter can name. */
export const FILTER_FIELDS_MAX = 16;
export const FILTER_VALUES_MAX = 1000;
export const FILTER_VALUE_CHARACTERS_MAX = 1024;
/** Filters whose memories are remembered until the next write. */
export const FILTERS_REMEMBERED_MAX = 16;
/** Entries of a block of the index of times; one more, and it is divided. */
export const TIME_BLOCK_ENTRIES_MAX = 512;
/** Candidates of each list that a fusion or a choice by diversity has at least, */
export const CANDIDATES_MIN = 100;
/** and the longest answer that is remembered. */
export const REMEMBERED_HITS_MAX = 100;
/** Only so much of a text counts for word search. */
export const INDEXED_TEXT_CHARACTERS_MAX = 20_000;
/** Most distinct words of a query. */
export const QUERY_WORDS_MAX = 256;
/** How long a statement waits for another process that holds the file. */
export const BUSY_TIMEOUT_MS = 5000;
/** Pages after which a commit moves the write-ahead log into the database file. */
export const WAL_CHECKPOINT_PAGES = 8000;
/** The same where another thread moves it: by then that has moved most of it. */
export const WAL_BACKSTOP_PAGES = 16_000;
/** Pages that have come since its last pass from which on that thread makes another, */
export const CHECKPOINT_PAGES = 1000;
/** length of the log from which on there is such a thread, and how long it waits after a failure. */
export const CHECKPOINT_LOG_BYTES_MIN = 4 * 1024 * 1024;
export const CHECKPOINT_RETRY_MS = 1000;
/** Longest wait for that thread to end a pass or itself. */
export const CHECKPOINT_STOP_MAX_MS = 10_000;
/** Prepared statements that a connection keeps. */
export const STATEMENTS_MAX = 256;
/** Embeddings that the recognition of poisoned links keeps in memory. */
export const EMBEDDINGS_CACHED_MAX = 4096;
/** Longest stretch of work between two yields to the event loop while staging or validating. */
export const CHUNK_MAX_MS = 4;

/** Vectors of a discarded store that are copied at a time. */
export const KEPT_VECTORS_PER_PIECE = 64;
/** Memories that one round of embedding takes. */
export const STAGE_EMBEDDINGS_PER_ROUND = 32;
/** Mismatches that a validation report lists; the rest is only counted. */
export const MISMATCHES_LISTED_MAX = 50;
/** Buckets of the row checksums; only rows of buckets that differ are compared one by one. */
export const CHECKSUM_BUCKETS = 256;

/**
 * Tokens that the model reads of one text; the rest is cut off. The tokenizer of the package says 128,
 * with which the model was trained; it would take up to 512 at more than four times the time.
 */
export const MODEL_TOKENS_MAX = 128;
/** Characters of a text that are tokenized at all; 128 tokens are never longer in practice. */
export const TOKENIZED_CHARACTERS_MAX = 8192;
/** Padding that a text may get to be computed with others: alone it costs as much as so many tokens. */
export const PADDING_TOKENS_MAX = 16;
/**
 * Texts that a worker is given at once, and their characters, about 128 tokens: more at a time is not
 * faster, and a text that somebody waits for waits for one batch.
 */
export const WORKER_BATCH_TEXTS_MAX = 16;
export const WORKER_BATCH_CHARACTERS_MAX = 640;
/** Batches of interactive texts that go before background texts that wait, one after the other. */
export const OVERTAKEN_BATCHES_MAX = 4;
/** Background texts in a batch for which interactive ones have to wait. */
export const URGED_BATCH_TEXTS_MAX = 4;
/** Most workers of an embedder, and most threads of each. */
export const EMBEDDING_WORKERS_MAX = 64;
export const EMBEDDING_THREADS_MAX = 64;
/** Texts that may wait for the workers. */
export const QUEUED_TEXTS_MAX = 10_000;
/** Texts whose vector is remembered. */
export const CACHED_TEXTS_MAX = 1000;
/** Longest text that is remembered. */
export const CACHED_TEXT_CHARACTERS_MAX = 8192;
/** Words whose pieces the tokenizer remembers. */
export const CACHED_WORDS_MAX = 20_000;
