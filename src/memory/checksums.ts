/**
 * Compares two large sets of rows in any order with little memory: each row is hashed, hashes are
 * summed in buckets, and only the rows of buckets whose sums differ are looked at one by one.
 */
import { createHash } from 'node:crypto';

import { CHECKSUM_BUCKETS } from './limits.js';

/** A row under the name of its table. */
export interface NamedRow {
  readonly table: string;
  readonly value: unknown;
}

/** Text that is equal for equal values whatever the order of their keys. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_key, held: unknown) => {
    if (typeof held === 'bigint') return { bigint: String(held) };
    if (typeof held === 'number' && !Number.isFinite(held)) return { number: String(held) };
    if (isBytes(held)) return { bytes: Buffer.from(held).toString('base64') };
    if (typeof held === 'object' && held !== null && !Array.isArray(held)) {
      return Object.fromEntries(Object.entries(held).sort(([a], [b]) => (a < b ? -1 : 1)));
    }
    return held;
  });
}

/** `Buffer` has a `toJSON`, which runs before the replacer sees it. */
function isBytes(held: unknown): held is Uint8Array | number[] {
  if (held instanceof Uint8Array) return true;
  const buffer = held as { type?: unknown; data?: unknown } | null;
  return typeof held === 'object' && buffer?.type === 'Buffer' && Array.isArray(buffer.data);
}

/** 128 bits of SHA-256 over table and value. */
export function rowHash({ table, value }: NamedRow): string {
  const text = `${table}\n${canonicalText(value)}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function bucketOf(hash: string): number {
  return Number.parseInt(hash.slice(0, 8), 16) % CHECKSUM_BUCKETS;
}

/** Sums of one set of rows, and how many there are in each table. */
export class Checksums {
  readonly counts = new Map<string, number>();
  readonly #sums = new BigUint64Array(2 * CHECKSUM_BUCKETS);

  add(row: NamedRow): void {
    const hash = rowHash(row);
    const bucket = 2 * bucketOf(hash);
    // Sums, not exclusive ors: a row that is there twice must not vanish.
    this.#sums[bucket] = (this.#sums[bucket] ?? 0n) + BigInt(`0x${hash.slice(0, 16)}`);
    this.#sums[bucket + 1] = (this.#sums[bucket + 1] ?? 0n) + BigInt(`0x${hash.slice(16)}`);
    this.counts.set(row.table, (this.counts.get(row.table) ?? 0) + 1);
  }

  /** Buckets in which two sets differ. */
  differingBuckets(other: Checksums): Set<number> {
    const differing = new Set<number>();
    for (let i = 0; i < this.#sums.length; i += 1) {
      if (this.#sums[i] !== other.#sums[i]) differing.add(i >> 1);
    }
    return differing;
  }
}

/** Rows of the given buckets of two sets that have no partner in the other one. */
export class Differences {
  readonly #buckets: ReadonlySet<number>;
  readonly #unmatched = new Map<string, { count: number; row: NamedRow }>();

  constructor(buckets: ReadonlySet<number>) {
    this.#buckets = buckets;
  }

  add(row: NamedRow, side: 'first' | 'second'): void {
    const hash = rowHash(row);
    if (!this.#buckets.has(bucketOf(hash))) return;
    const held = this.#unmatched.get(hash) ?? { count: 0, row };
    held.count += side === 'first' ? 1 : -1;
    if (held.count === 0) this.#unmatched.delete(hash);
    else this.#unmatched.set(hash, held);
  }

  *list(): IterableIterator<{ row: NamedRow; side: 'first' | 'second' }> {
    for (const { count, row } of this.#unmatched.values()) {
      yield { row, side: count > 0 ? 'first' : 'second' };
    }
  }
}
