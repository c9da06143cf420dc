/**
 * The ids of an index as bytes: for each slot a word with the length of its id in UTF-16 units, or all
 * ones where none is, then the units of all ids. UTF-16 keeps texts that are no valid Unicode.
 */
import { NAME_CHARACTERS_MAX } from '../limits.js';
import { NONE } from './kernel.js';

const WORD_BYTES = 4;
const UNIT_BYTES = 2;

export function encodeIds(ids: readonly (string | undefined)[], slotCount: number): Buffer {
  const lengths = Buffer.alloc(slotCount * WORD_BYTES);
  const texts: string[] = [];
  for (let slot = 0; slot < slotCount; slot += 1) {
    const id = ids[slot];
    lengths.writeUInt32LE(id?.length ?? NONE, slot * WORD_BYTES);
    if (id !== undefined) texts.push(id);
  }
  return Buffer.concat([lengths, Buffer.from(texts.join(''), 'utf16le')]);
}

/** Undefined for bytes that `encodeIds` does not write. */
export function decodeIds(bytes: Buffer, slotCount: number): (string | undefined)[] | undefined {
  const start = slotCount * WORD_BYTES;
  if (bytes.length < start || (bytes.length - start) % UNIT_BYTES !== 0) return undefined;
  const text = bytes.toString('utf16le', start);
  const ids: (string | undefined)[] = [];
  let at = 0;
  for (let slot = 0; slot < slotCount; slot += 1) {
    const length = bytes.readUInt32LE(slot * WORD_BYTES);
    if (length === NONE) {
      ids.push(undefined);
      continue;
    }
    if (length < 1 || length > NAME_CHARACTERS_MAX || at + length > text.length) return undefined;
    ids.push(text.slice(at, at + length));
    at += length;
  }
  return at === text.length ? ids : undefined;
}
