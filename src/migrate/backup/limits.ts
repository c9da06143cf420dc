/** Bounds of backups. Units are the last word of each name. */

/** Bytes of `backup.json` and of a rollback's journal that are read. */
export const MANIFEST_BYTES_MAX = 128 * 1024 * 1024;
/** Files, folders and links of one backup. */
export const ENTRIES_MAX = 200_000;
/** Links that lead to links, as the operating system bounds them. */
export const LINKS_FOLLOWED_MAX = 40;
/** Attempts to copy a settings file that its owner keeps changing. */
export const COPY_ATTEMPTS_MAX = 10;
/** Bytes read and written at once. */
export const BLOCK_BYTES = 1024 * 1024;
/** What a file takes on the disk beyond its bytes: its last block and its name. */
export const FILE_OVERHEAD_BYTES = 8 * 1024;
/** Room that must remain on the disk after a backup. */
export const ROOM_LEFT_BYTES = 4 * 1024 * 1024;
/** Backups of one directory, and folders of what was written since, that are numbered. */
export const NUMBERED_MAX = 1000;
/** Damaged files that an error names. */
export const DAMAGES_NAMED_MAX = 5;
/** Files of one folder that setting aside takes along. */
export const ASIDE_DEPTH_MAX = 64;
