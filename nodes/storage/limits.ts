/** Bytes of frames after which a new segment is begun, unless the opener says otherwise. */
export const SEGMENT_BYTES_DEFAULT = 16 << 20;
/** Bytes that one sync collects before the next one is begun; one write may exceed it. */
export const FRAME_BYTES_TARGET = 4 << 20;
/** Bytes of one frame of a snapshot, or of a segment of format version 1. */
export const FRAME_BYTES_MAX = 1 << 30;
/** Bytes that may wait for the disk. */
export const PENDING_BYTES_MAX = 512 << 20;
/** Bytes of the name of a cluster. */
export const CLUSTER_ID_BYTES_MAX = 255;
/** Bytes of the unit in which a disk reads, loses and misplaces what it holds. */
export const BLOCK_BYTES = 4096;
/** Bytes that a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;
/** Bytes of a segment for each of its slots: a frame of one small entry is not much shorter. */
export const BYTES_PER_SLOT = 512;
/** Slots of one segment, at least and at most: one block of them, and 4 MiB. */
export const SLOTS_MIN = 64;
export const SLOTS_MAX = 65_536;
/** Frames that one sync covers. */
export const FRAMES_PER_BATCH_MAX = 48;
/** Bytes after which a segment is ended although the next one could not be prepared. */
export const SEGMENT_BYTES_MAX = 1 << 30;
/** Bytes of zeros written at once into a segment that is being prepared. */
export const PREPARE_CHUNK_BYTES = 1 << 20;
/** Entries without contents that are put in the place of lost ones. */
export const LOST_ENTRIES_MAX = 1 << 20;
/** Files of a log that may be missing between others. */
export const MISSING_SEGMENTS_MAX = 64;
