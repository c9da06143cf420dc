import { assert } from '../error.js';

/** Bytes of the id of an item: a hash of its content, such as SHA-256, so that ids spread evenly. */
export const ITEM_ID_BYTES = 32;

const LIMBS = ITEM_ID_BYTES / 4;
const TWO_TO_32 = 2 ** 32;
/** A chunk that grows beyond this is halved. */
const CHUNK_ITEMS_MAX = 512;

/** The items of a range, in so few bytes: two ranges with equal fingerprints hold the same items. */
export interface Fingerprint {
  readonly count: number;
  /** Sum of the ids, as integers with the lowest byte first, modulo 2^256. */
  readonly sum: Uint32Array;
}

interface Chunk {
  readonly ids: string[];
  readonly sum: Uint32Array;
}

/**
 * A set of items by their ids, in order. An id is a text of 32 characters, each of them a byte. The
 * fingerprint of any range takes the time of the chunks in it, not of its items: some 2,000 additions
 * for a million.
 */
export class ItemSet {
  #chunks: Chunk[] = [];
  #size = 0;

  /** `ids` in any order; those that occur twice count once. */
  constructor(ids: Iterable<string> = []) {
    const sorted = [...new Set(ids)].sort();
    for (const id of sorted) assertId(id);
    const half = CHUNK_ITEMS_MAX / 2;
    for (let at = 0; at < sorted.length; at += half) {
      this.#chunks.push(chunkOf(sorted.slice(at, at + half)));
    }
    this.#size = sorted.length;
  }

  get size(): number {
    return this.#size;
  }

  has(id: string): boolean {
    const chunk = this.#chunks[this.#chunkAt(id)];
    return chunk !== undefined && chunk.ids[lowerBound(chunk.ids, id)] === id;
  }

  /** False when it is there already. */
  add(id: string): boolean {
    assertId(id);
    if (this.#chunks.length === 0) this.#chunks.push(chunkOf([]));
    const at = this.#chunkAt(id);
    const chunk = this.#chunks[at]!;
    const place = lowerBound(chunk.ids, id);
    if (chunk.ids[place] === id) return false;
    chunk.ids.splice(place, 0, id);
    addTo(chunk.sum, id, 1);
    this.#size += 1;
    if (chunk.ids.length > CHUNK_ITEMS_MAX) {
      const half = chunk.ids.length >> 1;
      const halves = [chunk.ids.slice(0, half), chunk.ids.slice(half)].map(chunkOf);
      this.#chunks.splice(at, 1, ...halves);
    }
    return true;
  }

  /** False when it is not there. */
  remove(id: string): boolean {
    const at = this.#chunkAt(id);
    const chunk = this.#chunks[at];
    const place = chunk === undefined ? 0 : lowerBound(chunk.ids, id);
    if (chunk === undefined || chunk.ids[place] !== id) return false;
    chunk.ids.splice(place, 1);
    addTo(chunk.sum, id, -1);
    this.#size -= 1;
    if (chunk.ids.length === 0) this.#chunks.splice(at, 1);
    return true;
  }

  /** The fingerprint of the items from `lower` on and before `upper`; null: to the end. */
  fingerprint(lower: string, upper: string | null): Fingerprint {
    const sum = new Uint32Array(LIMBS);
    let count = 0;
    for (const { chunk, from, to } of this.#parts(lower, upper)) {
      count += to - from;
      if (to - from === chunk.ids.length) addSum(sum, chunk.sum);
      else for (let at = from; at < to; at += 1) addTo(sum, chunk.ids[at]!, 1);
    }
    return { count, sum };
  }

  /** The ids from `lower` on and before `upper`, in order. */
  *ids(lower: string, upper: string | null): IterableIterator<string> {
    for (const { chunk, from, to } of this.#parts(lower, upper)) {
      for (let at = from; at < to; at += 1) yield chunk.ids[at]!;
    }
  }

  /** The id so many places behind `lower`; undefined at the end. */
  idAt(lower: string, places: number): string | undefined {
    let left = places;
    for (const { chunk, from, to } of this.#parts(lower, null)) {
      if (left < to - from) return chunk.ids[from + left];
      left -= to - from;
    }
    return undefined;
  }

  *#parts(lower: string, upper: string | null) {
    for (let at = this.#chunkAt(lower); at < this.#chunks.length; at += 1) {
      const chunk = this.#chunks[at]!;
      const { ids } = chunk;
      if (upper !== null && ids[0]! >= upper) return;
      const from = ids[0]! >= lower ? 0 : lowerBound(ids, lower);
      const isWhole = upper === null || ids.at(-1)! < upper;
      const to = isWhole ? ids.length : lowerBound(ids, upper);
      if (to > from) yield { chunk, from, to };
    }
  }

  /** The last chunk that begins at or before the id; the first when none does. */
  #chunkAt(id: string): number {
    let [low, high] = [0, this.#chunks.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#chunks[middle]!.ids[0]! <= id) low = middle;
      else high = middle;
    }
    return low;
  }
}

export function isSame(a: Fingerprint, b: Fingerprint): boolean {
  return a.count === b.count && a.sum.every((limb, at) => limb === b.sum[at]);
}

function chunkOf(ids: string[]): Chunk {
  const sum = new Uint32Array(LIMBS);
  for (const id of ids) addTo(sum, id, 1);
  return { ids, sum };
}

/** Adds the id, or takes it away with a `sign` of -1. */
function addTo(sum: Uint32Array, id: string, sign: 1 | -1): void {
  let carry = 0;
  for (let limb = 0; limb < LIMBS; limb += 1) {
    const at = limb * 4;
    const low = id.charCodeAt(at) + id.charCodeAt(at + 1) * 0x100;
    const high = id.charCodeAt(at + 2) + id.charCodeAt(at + 3) * 0x100;
    const total = sum[limb]! + sign * (low + high * 0x10000) + carry;
    sum[limb] = total;
    carry = Math.floor(total / TWO_TO_32);
  }
}

function addSum(sum: Uint32Array, other: Uint32Array): void {
  let carry = 0;
  for (let limb = 0; limb < LIMBS; limb += 1) {
    const total = sum[limb]! + other[limb]! + carry;
    sum[limb] = total;
    carry = total >= TWO_TO_32 ? 1 : 0;
  }
}

/** Where the id stands or would stand. */
function lowerBound(ids: readonly string[], id: string): number {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

function assertId(id: string): void {
  assert(id.length === ITEM_ID_BYTES, 'the id of an item has 32 characters');
}
