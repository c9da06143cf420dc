/** Members that one change may name. */
export const CHANGES_PER_ENTRY_MAX = 1024;
/** Application bytes that a membership change may carry. */
export const CHANGE_CONTEXT_BYTES_MAX = 1 << 20;
/** Reads that may wait for an index on one node at a time. */
export const READS_PENDING_MAX = 65_536;
/** Bytes of the key of a read. */
export const CONTEXT_BYTES_MAX = 4096;
/** Members of one configuration, all kinds together. */
export const MEMBERS_MAX = 4096;
/** Entries in one message. */
export const ENTRIES_PER_MESSAGE_MAX = 1 << 20;
/** Greatest setting of `maxMessageBytes`; even of empty entries fewer than the limit above fit. */
export const APPEND_BYTES_MAX = 16 << 20;
/** Bytes of one entry's data. */
export const ENTRY_DATA_BYTES_MAX = 64 << 20;
/** Bytes of one encoded message. */
export const MESSAGE_BYTES_MAX = 256 << 20;
/** What an entry costs beyond its data, in every account of bytes. */
export const ENTRY_OVERHEAD_BYTES = 21;
