/**
 * Candidates and results of a walk without a filter in one array, nearest first, as native/pool.h keeps
 * them; equal distances are in the same order.
 */
import { NONE } from '../kernel.js';
import type { Candidates } from './heaps.js';

/** A mark of those whose links have not been followed yet. */
const UNFOLLOWED = 0x8000_0000 | 0;

export class Pool {
  readonly items: Candidates;
  readonly #breadth: number;
  /** Nothing before it has a mark. */
  #next = 0;

  constructor(items: Candidates, breadth: number) {
    this.items = items;
    this.items.count = 0;
    this.#breadth = breadth;
  }

  isWanted(distance: number): boolean {
    const { count, distances } = this.items;
    return count < this.#breadth || distance < distances[count - 1]!;
  }

  /** Behind those that are as near. The caller has asked whether it is wanted. */
  put(distance: number, slot: number, isToFollow: boolean): void {
    const { items } = this;
    const { distances, slots } = items;
    let at = 0;
    for (let left = items.count; left > 0;) {
      const half = (left + 1) >> 1;
      if (distances[at + half - 1]! <= distance) at += half;
      left -= half;
    }
    if (items.count < this.#breadth) items.count += 1;
    distances.copyWithin(at + 1, at, items.count - 1);
    slots.copyWithin(at + 1, at, items.count - 1);
    distances[at] = distance;
    slots[at] = isToFollow ? slot | UNFOLLOWED : slot;
    if (at < this.#next) this.#next = at;
  }

  /** Takes the mark from the nearest that has one; NONE where nothing has. */
  followNext(): number {
    const { count, slots } = this.items;
    while (this.#next < count && slots[this.#next]! >= 0) this.#next += 1;
    if (this.#next === count) return NONE;
    const slot = slots[this.#next]! & ~UNFOLLOWED;
    slots[this.#next] = slot;
    this.#next += 1;
    return slot;
  }
}
