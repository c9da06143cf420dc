/** When memories of a namespace expire, and whose turn it is to remove them. */
import { EXPIRED_TURN_MS } from './limits.js';

export class Expiring {
  /** The earliest time at which something under an id expires, and whether that was told already. */
  readonly #at = new Map<string, { readonly atMs: number; isTold: boolean }>();
  /** Before that nothing is to be told or removed. */
  #nextMs = Infinity;

  /** What is under the id has changed: something there expires first at `atMs`, or never (`Infinity`). */
  set(id: string, atMs: number): void {
    if (atMs === Infinity) this.#at.delete(id);
    else this.#at.set(id, { atMs, isTold: false });
    this.#nextMs = Math.min(this.#nextMs, atMs);
  }

  /** Ids under which something has expired. */
  *expired(nowMs: number): Generator<string, void, void> {
    for (const [id, { atMs }] of this.#at) if (atMs <= nowMs) yield id;
  }

  /** Ids under which something has expired since they were told last. */
  tell(nowMs: number): string[] {
    if (nowMs < this.#nextMs) return [];
    const told: string[] = [];
    for (const [id, entry] of this.#at) {
      if (entry.isTold || entry.atMs > nowMs) continue;
      entry.isTold = true;
      told.push(id);
    }
    return told;
  }

  /** Up to so many ids of which a member at this place in the order of all removes what has expired. */
  due(nowMs: number, place: number, max: number): string[] {
    if (nowMs < this.#nextMs) return [];
    const due: string[] = [];
    this.#nextMs = Infinity;
    for (const [id, { atMs, isTold }] of this.#at) {
      const dueMs = atMs + place * EXPIRED_TURN_MS;
      if (dueMs <= nowMs && due.length < max) due.push(id);
      this.#nextMs = Math.min(this.#nextMs, isTold ? dueMs : atMs);
    }
    return due;
  }
}
