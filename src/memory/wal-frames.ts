/**
 * How long the write-ahead log of a SQLite file is: its file never shrinks while it is in use, and is
 * written from the start again, with new salts (https://www.sqlite.org/fileformat2.html#walformat). The log
 * carries no locks, so it may be opened and closed.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** Where both salts begin, in the header and in each frame. */
const HEADER_SALT_AT = 16;
const FRAME_SALT_AT = 8;
const SALT_BYTES = 8;

/** Frames, one a page, since the log was begun anew; 0 where it is missing or is none. */
export function walFrames(path: string): number {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return 0;
  }
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    if (readSync(file, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return 0;
    const pageBytes = header.readUInt32BE(8);
    const salts = header.subarray(HEADER_SALT_AT, HEADER_SALT_AT + SALT_BYTES);
    const frameBytes = FRAME_HEADER_BYTES + pageBytes;
    const isOfNow = (frame: number): boolean => {
      const at = HEADER_BYTES + frame * frameBytes + FRAME_SALT_AT;
      const found = Buffer.alloc(SALT_BYTES);
      return readSync(file, found, 0, SALT_BYTES, at) === SALT_BYTES && found.equals(salts);
    };
    // Those of now come first.
    let low = 0;
    let high = Math.max(0, Math.floor((fstatSync(file).size - HEADER_BYTES) / frameBytes));
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isOfNow(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  } finally {
    closeSync(file);
  }
}
