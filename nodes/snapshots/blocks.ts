/**
 * Cuts the content of a snapshot into blocks where the content says so (content-defined chunking;
 * Muthitacharoen, Chen and Mazieres, "A Low-bandwidth Network File System", 2001), at the ends of
 * records. So two snapshots of nearly the same state, of another index or from another replica, have
 * most of their blocks in common, and who holds one reads only the rest of the other.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

import { BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, BLOCK_BYTES_SPREAD } from './limits.js';
import { MANIFEST_ENTRY_BYTES } from './format.js';

/** One block: its bytes, and its entry in the manifest. */
export interface Block {
  readonly bytes: Buffer;
  readonly entry: Buffer;
}

/** Takes records and gives blocks; holds one block at most. */
export class BlockCutter {
  #pending = Buffer.allocUnsafe(BLOCK_BYTES_MAX);
  #length = 0;

  /** The blocks that end in the record: none for a short one, several for one that is long. */
  add(record: Uint8Array): Block[] {
    const blocks: Block[] = [];
    let taken = 0;
    while (taken < record.length) {
      const part = record.subarray(taken, taken + BLOCK_BYTES_MAX - this.#length);
      this.#pending.set(part, this.#length);
      this.#length += part.length;
      taken += part.length;
      if (this.#length === BLOCK_BYTES_MAX) blocks.push(this.#cut());
    }
    if (this.#length >= BLOCK_BYTES_MIN && isBoundary(record)) blocks.push(this.#cut());
    return blocks;
  }

  /** What is left; undefined when the last block ended with the last record. */
  end(): Block | undefined {
    return this.#length === 0 ? undefined : this.#cut();
  }

  #cut(): Block {
    const bytes = this.#pending.subarray(0, this.#length);
    const entry = Buffer.alloc(MANIFEST_ENTRY_BYTES);
    entry.writeUInt32LE(bytes.length, 0);
    createHash('sha256').update(bytes).digest().copy(entry, 4);
    this.#pending = Buffer.allocUnsafe(BLOCK_BYTES_MAX);
    this.#length = 0;
    return { bytes, entry };
  }
}

/** True with a probability that grows with the length, so that blocks have the same length in all. */
function isBoundary(record: Uint8Array): boolean {
  return crc32(record) / 2 ** 32 < record.length / BLOCK_BYTES_SPREAD;
}
