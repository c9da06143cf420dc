/**
 * A value in parts of 64 KiB, after the part sets of CometBFT (spec/core/data_structures,
 * `PartSetHeader`). Its name says what there is to come, and proves each part by itself:
 *
 *     name      parts1-LENGTH-COUNT-ROOT   numbers in decimal, the root (`merkle.ts`) in hexadecimal
 *
 * A value of one part has no such name: it is named by its SHA-256.
 */
import type { ValueId } from '../../../consensus/bft/index.js';
import { assert } from '../../assert.js';
import { LARGE_VALUE_BYTES_MAX, PART_BYTES } from '../limits.js';
import { bitmapOf, setBit } from '../../../consensus/bitmap.js';
import { MerkleTree, isLeafOf } from './merkle.js';

const PREFIX = 'parts1-';
const SHAPE = /^parts1-([1-9]\d{0,8})-([1-9]\d{0,4})-([0-9a-f]{64})$/;

/** What a name says. */
export interface PartsName {
  /** Bytes of the value. */
  readonly length: number;
  readonly count: number;
  readonly root: Uint8Array;
}

/** A part and what proves that it is one. */
export interface Part {
  readonly bytes: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Whether a name says that it is one of parts; it may be no good one. */
export function isInParts(id: ValueId): boolean {
  return id.startsWith(PREFIX);
}

/** Null for a name that no value can have. Nothing is held for what it claims. */
export function readPartsName(id: ValueId): PartsName | null {
  const found = SHAPE.exec(id);
  if (found === null) return null;
  const length = Number(found[1]);
  const count = Number(found[2]);
  const isPossible = length > PART_BYTES && length <= LARGE_VALUE_BYTES_MAX;
  if (!isPossible || count !== Math.ceil(length / PART_BYTES)) return null;
  return { length, count, root: Buffer.from(found[3] as string, 'hex') };
}

/** See the head of this file: all of a value, or what has come of it so far. */
export class PartSet {
  readonly #parts: (Part | undefined)[];
  #received = 0;
  #bytes: Uint8Array | null = null;

  private constructor(
    readonly id: ValueId,
    readonly about: PartsName,
  ) {
    this.#parts = Array.from({ length: about.count });
  }

  /** All parts of a value that is longer than one. Keeps a view of the bytes. */
  static of(bytes: Uint8Array): PartSet {
    const count = Math.ceil(bytes.length / PART_BYTES);
    assert(count > 1, 'a value of one part has no parts');
    const parts = Array.from({ length: count }, (_, at) => {
      return bytes.subarray(at * PART_BYTES, (at + 1) * PART_BYTES);
    });
    const tree = new MerkleTree(parts);
    const root = Buffer.from(tree.root);
    const about = { length: bytes.length, count, root };
    const set = new PartSet(`${PREFIX}${bytes.length}-${count}-${root.toString('hex')}`, about);
    for (const [at, part] of parts.entries()) {
      set.#parts[at] = { bytes: part, proof: tree.proof(at) };
    }
    set.#received = count;
    set.#bytes = bytes;
    return set;
  }

  /** None of the parts yet. Null for a name that no value can have. */
  static empty(id: ValueId): PartSet | null {
    const about = readPartsName(id);
    return about === null ? null : new PartSet(id, about);
  }

  /** Parts that are here. */
  get received(): number {
    return this.#received;
  }

  get isWhole(): boolean {
    return this.#bytes !== null;
  }

  part(at: number): Part | undefined {
    return this.#parts[at];
  }

  /** A bit for each part, set if it is here. */
  get held(): Uint8Array {
    const held = bitmapOf(this.about.count);
    for (const [at, part] of this.#parts.entries()) if (part !== undefined) setBit(held, at);
    return held;
  }

  /** Takes a part that somebody sent, if it is the one of its place. Keeps no view of its bytes. */
  add(at: number, { bytes, proof }: Part): 'new' | 'known' | 'wrong' {
    const { length, count, root } = this.about;
    const isFitting = bytes.length === Math.min(PART_BYTES, length - at * PART_BYTES);
    if (!isFitting || !isLeafOf(root, count, at, bytes, proof)) return 'wrong';
    if (this.#parts[at] !== undefined) return 'known';
    this.#parts[at] = {
      bytes: new Uint8Array(bytes),
      proof: proof.map((hash) => new Uint8Array(hash)),
    };
    this.#received += 1;
    if (this.#received === count) this.#join();
    return 'new';
  }

  /** The value, once all parts are here. */
  get bytes(): Uint8Array {
    assert(this.#bytes !== null, 'a value is whole when all its parts are here');
    return this.#bytes;
  }

  /** From then on the parts are views of the value: it is in memory once. */
  #join(): void {
    const joined = new Uint8Array(this.about.length);
    for (const [at, part] of this.#parts.entries()) {
      const { bytes, proof } = part as Part;
      joined.set(bytes, at * PART_BYTES);
      const view = joined.subarray(at * PART_BYTES, at * PART_BYTES + bytes.length);
      this.#parts[at] = { bytes: view, proof };
    }
    this.#bytes = joined;
  }
}
