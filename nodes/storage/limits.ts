/** Bytes after which a new segment is begun, unless the opener says otherwise. */
export const SEGMENT_BYTES_DEFAULT = 16 << 20;
/** Bytes that one frame collects before the next one is begun; one write may exceed it. */
export const FRAME_BYTES_TARGET = 4 << 20;
/** Bytes of one frame. */
export const FRAME_BYTES_MAX = 1 << 30;
/** Bytes that may wait for the disk. */
export const PENDING_BYTES_MAX = 512 << 20;
/** Bytes of the name of a cluster. */
export const CLUSTER_ID_BYTES_MAX = 255;
