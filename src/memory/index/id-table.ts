/**
 * The ids of an index: which slot an id has, and which id a slot. They are kept as bytes and made into
 * strings when they are asked for, so that a million of them cost neither a Map nor a million strings.
 */
import { MemoryError } from '../errors.js';
import { NAME_CHARACTERS_MAX } from '../limits.js';
import { NONE } from './kernel.js';

const WORD_BYTES = 4;
/** No id has more bytes than a chunk, and none lies in two. */
const CHUNK_BYTES = 1_048_576;
const PLACES_FIRST = 16;
/** Slots that are read at once. */
const SLOTS_PER_STEP = 16_384;
/** Slots that each change brings from a table that was outgrown into the new one. */
const SLOTS_PER_CHANGE = 64;
const SLOTS_FIRST = 16;
const BYTES_MAX = 0xf000_0000;
const NOTHING = Buffer.alloc(0);

/** FNV-1a over the UTF-16 units of a name: the same name has the same level in every index. */
export function keyOfName(id: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < id.length; i += 1) hash = Math.imul(hash ^ id.charCodeAt(i), FNV_PRIME);
  return hash >>> 0;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

export class IdTable {
  /** Open addressing: a slot and 1, or 0. A power of two, at most two thirds full. */
  #places = new Uint32Array(PLACES_FIRST);
  /** The table before, while its slots come into the new one, step by step; those up to `#moved` have. */
  #outgrown: Uint32Array | undefined;
  #moved = 0;
  /** By slot: where its text begins, and twice its bytes, and 1 if its units have two bytes each. */
  #starts = new Uint32Array(SLOTS_FIRST);
  #lengths = new Uint32Array(SLOTS_FIRST).fill(NONE);
  /** By slot: `keyOfName` of its id. */
  #keys = new Uint32Array(SLOTS_FIRST);
  /** Texts that were read; those that came later follow in chunks. */
  #base: Buffer = NOTHING;
  #chunks: Buffer[] = [];
  #end = 0;
  /** Bytes of texts that nobody has any more. */
  #unused = 0;
  #slotCount = 0;
  #size = 0;

  /** How many ids there are. */
  get size(): number {
    return this.#size;
  }

  /** One more than the highest slot that ever had an id. */
  get slotCount(): number {
    return this.#slotCount;
  }

  /** Undefined where there is no such id. */
  slotOf(id: string): number | undefined {
    const key = keyOfName(id);
    const slot = this.#slotAt(this.#placeOf(this.#places, id, key), id, key);
    return slot < 0 ? undefined : slot;
  }

  idAt(slot: number): string | undefined {
    const length = this.#lengths[slot] ?? NONE;
    if (length === NONE) return undefined;
    const start = this.#starts[slot]!;
    const place = this.#placeIn(start);
    const encoding = (length & 1) === 1 ? 'utf16le' : 'latin1';
    return this.#bytesAt(start).toString(encoding, place, place + (length >>> 1));
  }

  /** Gives a slot, which has none, an id. Answers the slot that had it before. Throws `invalid` if full. */
  put(id: string, slot: number): number | undefined {
    this.#reserveSlots(slot + 1);
    const key = keyOfName(id);
    this.#keys[slot] = key;
    const place = this.#placeOf(this.#places, id, key);
    const before = this.#slotAt(place, id, key);
    if (before >= 0) {
      this.#starts[slot] = this.#starts[before]!;
      this.#lengths[slot] = this.#lengths[before]!;
      this.#lengths[before] = NONE;
    } else {
      this.#write(id, slot);
      this.#size += 1;
    }
    this.#places[place] = slot + 1;
    if (this.#size * 3 > this.#places.length * 2) this.#outgrow();
    this.#move(SLOTS_PER_CHANGE);
    return before < 0 ? undefined : before;
  }

  /** Answers the slot that the id had. */
  delete(id: string): number | undefined {
    const key = keyOfName(id);
    const place = this.#placeOf(this.#places, id, key);
    const slot = this.#slotAt(place, id, key);
    if (slot < 0) return undefined;
    if (this.#places[place] !== 0) this.#vacate(place);
    this.#unused += this.#lengths[slot]! >>> 1;
    this.#lengths[slot] = NONE;
    this.#size -= 1;
    if (this.#unused > CHUNK_BYTES && this.#unused > this.#end / 2) this.#compact();
    return slot;
  }

  /** In the order of slots. */
  *ids(): IterableIterator<string> {
    for (let slot = 0; slot < this.#slotCount; slot += 1) {
      const id = this.idAt(slot);
      if (id !== undefined) yield id;
    }
  }

  /** A bit a slot, lowest first, of those that have an id. */
  slotBits(slotCount: number): Uint8Array {
    const bits = new Uint8Array((slotCount + 7) >> 3);
    for (let slot = 0; slot < Math.min(slotCount, this.#slotCount); slot += 1) {
      if (this.#lengths[slot] !== NONE) bits[slot >> 3]! |= 1 << (slot & 7);
    }
    return bits;
  }

  /** How many bytes `encode` gives. */
  encodedBytes(slotCount: number): number {
    return slotCount * WORD_BYTES + this.#end - this.#unused;
  }

  /**
   * For each slot a word: twice the bytes of its id, and 1 where its UTF-16 units have two bytes, else
   * they have one; all ones where none is. Then the bytes of all ids. In pieces of so many bytes, a multiple of 4; each is valid until the next is asked for.
   */
  *encode(slotCount: number, pieceBytes: number): Generator<Buffer> {
    const piece = Buffer.alloc(pieceBytes);
    let used = 0;
    for (let slot = 0; slot < slotCount; slot += 1) {
      used = piece.writeUInt32LE(this.#lengths[slot] ?? NONE, used);
      if (used < pieceBytes) continue;
      yield piece;
      used = 0;
    }
    for (let slot = 0; slot < slotCount; slot += 1) {
      const length = this.#lengths[slot] ?? NONE;
      if (length === NONE) continue;
      const start = this.#starts[slot]!;
      const bytes = this.#bytesAt(start);
      let from = this.#placeIn(start);
      for (const end = from + (length >>> 1); from < end;) {
        const copied = bytes.copy(piece, used, from, end);
        from += copied;
        used += copied;
        if (used < pieceBytes) continue;
        yield piece;
        used = 0;
      }
    }
    if (used > 0) yield piece.subarray(0, used);
  }

  /** In steps. Undefined for bytes that `encode` does not give; `twice` where an id comes twice. */
  static *decode(
    bytes: Buffer,
    slotCount: number,
  ): Generator<undefined, IdTable | 'twice' | undefined> {
    const textsAt = slotCount * WORD_BYTES;
    if (bytes.length < textsAt) return undefined;
    const table = new IdTable();
    const texts = bytes.subarray(textsAt);
    const lengths = new Uint32Array(slotCount);
    new Uint8Array(lengths.buffer).set(bytes.subarray(0, textsAt));
    const starts = new Uint32Array(slotCount);
    const keys = new Uint32Array(slotCount);
    let start = 0;
    for (let slot = 0; slot < slotCount; slot += 1) {
      if ((slot + 1) % SLOTS_PER_STEP === 0) yield;
      const length = lengths[slot]!;
      if (length === NONE) continue;
      const unitBytes = 1 + (length & 1);
      const end = start + (length >>> 1);
      if (end === start || end - start > NAME_CHARACTERS_MAX * unitBytes) return undefined;
      if ((end - start) % unitBytes !== 0 || end > texts.length) return undefined;
      starts[slot] = start;
      table.#size += 1;
      // `keyOfName`, without making the text.
      let key = FNV_OFFSET;
      for (; start < end; start += unitBytes) {
        const unit = unitBytes === 1 ? texts[start]! : texts[start]! | (texts[start + 1]! << 8);
        key = Math.imul(key ^ unit, FNV_PRIME);
      }
      keys[slot] = key;
    }
    if (start !== texts.length) return undefined;
    table.#base = texts;
    table.#end = texts.length;
    table.#slotCount = slotCount;
    table.#starts = starts;
    table.#lengths = lengths;
    table.#keys = keys;
    let places = PLACES_FIRST;
    while (table.#size * 3 > places * 2) places *= 2;
    table.#places = new Uint32Array(places);
    for (let from = 0; from < slotCount; from += SLOTS_PER_STEP) {
      if (!table.#spread(from, Math.min(slotCount, from + SLOTS_PER_STEP))) return 'twice';
      yield;
    }
    return table;
  }

  /** The place of an id in a table, or the empty one where it would be. */
  #placeOf(table: Uint32Array, id: string, key: number): number {
    const mask = table.length - 1;
    for (let place = homeOf(key, mask); ; place = (place + 1) & mask) {
      const found = table[place]!;
      if (found === 0) return place;
      if (this.#keys[found - 1] === key && this.#hasText(found - 1, id)) return place;
    }
  }

  /**
   * The slot of an id that has this place; below 0 where it has none. What the table before still says of a slot
   * that has lost its id, or got another, is harmless: texts are compared.
   */
  #slotAt(place: number, id: string, key: number): number {
    const slot = this.#places[place]! - 1;
    const before = this.#outgrown;
    if (slot >= 0 || before === undefined) return slot;
    return before[this.#placeOf(before, id, key)]! - 1;
  }

  #outgrow(): void {
    this.#move(Infinity);
    this.#outgrown = this.#places;
    this.#moved = 0;
    this.#places = new Uint32Array(this.#places.length * 2);
  }

  /** Brings so many more slots into the new table. */
  #move(slots: number): void {
    if (this.#outgrown === undefined) return;
    const to = Math.min(this.#slotCount, this.#moved + slots);
    this.#spread(this.#moved, to);
    this.#moved = to;
    if (to === this.#slotCount) this.#outgrown = undefined;
  }

  #hasText(slot: number, id: string): boolean {
    const length = this.#lengths[slot]!;
    const isWide = (length & 1) === 1;
    if (length >>> 1 !== (isWide ? 2 * id.length : id.length)) return false;
    const start = this.#starts[slot]!;
    const bytes = this.#bytesAt(start);
    const at = this.#placeIn(start);
    for (let i = 0; i < id.length; i += 1) {
      const unit = isWide ? bytes[at + 2 * i]! | (bytes[at + 2 * i + 1]! << 8) : bytes[at + i]!;
      if (unit !== id.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Takes a place away; those behind it that would not be found any more move up. */
  #vacate(place: number): void {
    const places = this.#places;
    const mask = places.length - 1;
    let hole = place;
    for (let at = (hole + 1) & mask; places[at] !== 0; at = (at + 1) & mask) {
      const home = homeOf(this.#keys[places[at]! - 1]!, mask);
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      places[hole] = places[at]!;
      hole = at;
    }
    places[hole] = 0;
  }

  /** Puts a range of slots into the table, if it does not have them. False where two have the same id. */
  #spread(from: number, to: number): boolean {
    const table = this.#places;
    const mask = table.length - 1;
    const keys = this.#keys;
    const lengths = this.#lengths;
    for (let slot = from; slot < to; slot += 1) {
      if (lengths[slot] === NONE) continue;
      const key = keys[slot]!;
      let place = homeOf(key, mask);
      for (; table[place] !== 0; place = (place + 1) & mask) {
        const other = table[place]! - 1;
        if (other === slot) break;
        if (keys[other] === key && this.idAt(other) === this.idAt(slot)) return false;
      }
      table[place] = slot + 1;
    }
    return true;
  }

  #write(id: string, slot: number): void {
    let isWide = false;
    for (let i = 0; i < id.length && !isWide; i += 1) isWide = id.charCodeAt(i) > 0xff;
    const bytes = isWide ? 2 * id.length : id.length;
    const start = this.#claim(bytes);
    this.#bytesAt(start).write(id, this.#placeIn(start), bytes, isWide ? 'utf16le' : 'latin1');
    this.#starts[slot] = start;
    this.#lengths[slot] = 2 * bytes + (isWide ? 1 : 0);
  }

  /** Where a text of so many bytes can lie. What is left of a chunk that is too short is not used. */
  #claim(bytes: number): number {
    const inChunks = this.#end - this.#base.length;
    const left = this.#chunks.length * CHUNK_BYTES - inChunks;
    if (bytes > left) {
      if (this.#end + left + bytes > BYTES_MAX) {
        throw new MemoryError(
          'invalid',
          `the ids of a vector index have at most ${BYTES_MAX} bytes`,
        );
      }
      this.#chunks.push(Buffer.allocUnsafeSlow(CHUNK_BYTES));
      this.#end += left;
      this.#unused += left;
    }
    const start = this.#end;
    this.#end += bytes;
    return start;
  }

  #bytesAt(start: number): Buffer {
    const behind = start - this.#base.length;
    return behind < 0 ? this.#base : this.#chunks[Math.floor(behind / CHUNK_BYTES)]!;
  }

  #placeIn(start: number): number {
    const behind = start - this.#base.length;
    return behind < 0 ? start : behind % CHUNK_BYTES;
  }

  #copyText(slot: number, to: Buffer, at: number): number {
    const start = this.#starts[slot]!;
    const place = this.#placeIn(start);
    return this.#bytesAt(start).copy(to, at, place, place + (this.#lengths[slot]! >>> 1));
  }

  /** Leaves out what nobody has any more. */
  #compact(): void {
    const texts = Buffer.allocUnsafeSlow(this.#end - this.#unused);
    let at = 0;
    for (let slot = 0; slot < this.#slotCount; slot += 1) {
      if (this.#lengths[slot] === NONE) continue;
      const bytes = this.#copyText(slot, texts, at);
      this.#starts[slot] = at;
      at += bytes;
    }
    this.#base = texts;
    this.#chunks = [];
    this.#end = texts.length;
    this.#unused = 0;
  }

  #reserveSlots(slots: number): void {
    this.#slotCount = Math.max(this.#slotCount, slots);
    if (slots <= this.#starts.length) return;
    let capacity = Math.max(SLOTS_FIRST, this.#starts.length);
    while (capacity < slots) capacity *= 2;
    const starts = new Uint32Array(capacity);
    const lengths = new Uint32Array(capacity);
    const keys = new Uint32Array(capacity);
    keys.set(this.#keys);
    starts.set(this.#starts);
    lengths.set(this.#lengths);
    lengths.fill(NONE, this.#lengths.length);
    this.#starts = starts;
    this.#lengths = lengths;
    this.#keys = keys;
  }
}

/** The upper half of the key is moved into what the mask leaves. */
function homeOf(key: number, mask: number): number {
  return (Math.imul(key, 0x9e3779b1) >>> 7) & mask;
}
