/**
 * The ids of a snapshot of version 1: for each slot a word with the length of its id in UTF-16 units, or
 * all ones where none is, then the units of all ids.
 */
import { NAME_CHARACTERS_MAX } from '../limits.js';
import { IdTable } from './id-table.js';
import { NONE } from './kernel.js';

const WORD_BYTES = 4;
const UNIT_BYTES = 2;

/** Undefined for bytes that version 1 did not write; `twice` where an id comes twice. */
export function decodeIdsOfVersion1(
  bytes: Buffer,
  slotCount: number,
): IdTable | 'twice' | undefined {
  const start = slotCount * WORD_BYTES;
  if (bytes.length < start || (bytes.length - start) % UNIT_BYTES !== 0) return undefined;
  const text = bytes.toString('utf16le', start);
  const table = new IdTable();
  let at = 0;
  for (let slot = 0; slot < slotCount; slot += 1) {
    const length = bytes.readUInt32LE(slot * WORD_BYTES);
    if (length === NONE) continue;
    if (length < 1 || length > NAME_CHARACTERS_MAX || at + length > text.length) return undefined;
    if (table.put(text.slice(at, at + length), slot) !== undefined) return 'twice';
    at += length;
  }
  return at === text.length ? table : undefined;
}
