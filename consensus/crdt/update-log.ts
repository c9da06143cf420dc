/** The updates that a replica still has one by one, for those who lack them. */
import { assert } from './error.js';
import { MESSAGE_BYTES_TARGET, WAITING_UPDATES_MAX } from './limits.js';
import type { Update } from './update.js';
import { type ReplicaId, type VersionVector, includes } from './version.js';

interface Kept {
  readonly after: VersionVector;
  readonly bytes: Uint8Array;
}

/**
 * For each replica the updates behind its base, without a gap. What a removal has removed is
 * remembered here alone, so dropping updates that everybody has is the collection of tombstones.
 */
export class UpdateLog {
  readonly #base = new Map<ReplicaId, number>();
  readonly #kept = new Map<ReplicaId, Kept[]>();

  constructor(base: VersionVector) {
    for (const [replica, sequence] of base) this.#base.set(replica, sequence);
  }

  /** Up to where updates are gone. */
  get base(): VersionVector {
    return this.#base;
  }

  get size(): number {
    let size = 0;
    for (const kept of this.#kept.values()) size += kept.length;
    return size;
  }

  add({ replica, sequence, after }: Update, bytes: Uint8Array): void {
    const kept = this.#kept.get(replica) ?? [];
    const base = this.#base.get(replica) ?? 0;
    assert(sequence === base + kept.length + 1, 'updates of a replica are kept without a gap');
    kept.push({ after, bytes });
    this.#kept.set(replica, kept);
  }

  /** Forgets the updates that `version` covers, and takes it as the base where it is ahead. */
  drop(version: VersionVector): void {
    for (const [replica, sequence] of version) {
      const base = this.#base.get(replica) ?? 0;
      if (sequence <= base) continue;
      const kept = this.#kept.get(replica) ?? [];
      kept.splice(0, sequence - base);
      if (kept.length === 0) this.#kept.delete(replica);
      this.#base.set(replica, sequence);
    }
  }

  /** Whether every update beyond `version` is here. */
  reaches(version: VersionVector): boolean {
    return includes(version, this.#base);
  }

  /** All of them, each after those that it depends on. */
  all(): Uint8Array[] {
    const every = new Map([...this.#kept.keys()].map((replica) => [replica, Infinity]));
    return this.#ordered(this.#base, every, Infinity, Infinity);
  }

  /**
   * Updates beyond `known` and up to `limit`, each after those that it depends on: as many as one
   * message takes.
   */
  missing(known: VersionVector, limit: VersionVector): Uint8Array[] {
    return this.#ordered(known, limit, MESSAGE_BYTES_TARGET, WAITING_UPDATES_MAX);
  }

  #ordered(known: VersionVector, limit: VersionVector, bytesMax: number, countMax: number) {
    const has = new Map(known);
    const found: Uint8Array[] = [];
    let bytes = 0;
    for (let isProgress = true; isProgress;) {
      isProgress = false;
      for (const [replica, kept] of this.#kept) {
        const base = this.#base.get(replica) ?? 0;
        const end = Math.min(base + kept.length, limit.get(replica) ?? 0);
        for (let next = (has.get(replica) ?? 0) + 1; next <= end; next += 1) {
          const update = kept[next - base - 1];
          if (update === undefined || !includes(has, update.after)) break;
          const isFull = found.length >= countMax || bytes + update.bytes.length > bytesMax;
          if (isFull && found.length > 0) return found;
          found.push(update.bytes);
          bytes += update.bytes.length;
          has.set(replica, next);
          isProgress = true;
        }
      }
    }
    return found;
  }
}
