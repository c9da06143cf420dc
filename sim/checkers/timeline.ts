import { assert } from './errors.js';

/** When an answered operation was called and when it returned, in microseconds. */
export interface Interval {
  readonly callMicroseconds: number;
  readonly returnMicroseconds: number;
}

/**
 * The calls and returns of the operations not yet ordered, as a doubly linked list by time
 * (the list of Lowe, "Testing for Linearizability", 2017, section 3.1). The operations that may
 * come next are those whose calls stand before the first return.
 *
 * Entry `i` is the call of operation `i`, entry `count + i` its return. A call and a return at the
 * same microsecond count as overlapping: the clock cannot tell which was first.
 */
export class Timeline {
  readonly #count: number;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #rank: Int32Array;
  readonly #times: Float64Array;
  /** One bit an operation, set when it is ordered. */
  readonly #ordered: Uint32Array;

  /** `intervals` are sorted by time of call. */
  constructor(intervals: readonly Interval[]) {
    const count = intervals.length;
    const head = 2 * count;
    this.#count = count;
    this.#next = new Int32Array(head + 1).fill(-1);
    this.#previous = new Int32Array(head + 1).fill(-1);
    this.#rank = new Int32Array(head);
    this.#times = new Float64Array(head);
    this.#ordered = new Uint32Array((count >> 5) + 1);
    const entries: number[] = [];
    for (const [index, interval] of intervals.entries()) {
      const before = intervals[index - 1];
      assert(
        before === undefined || before.callMicroseconds <= interval.callMicroseconds,
        'intervals are sorted by time of call',
      );
      assert(
        interval.callMicroseconds <= interval.returnMicroseconds,
        'a call precedes its return',
      );
      this.#times[index] = interval.callMicroseconds;
      this.#times[count + index] = interval.returnMicroseconds;
      entries.push(index, count + index);
    }
    // Calls before returns of the same time; otherwise by number, to be deterministic.
    entries.sort(
      (a, b) =>
        this.#times[a]! - this.#times[b]! || Number(a >= count) - Number(b >= count) || a - b,
    );
    let last = head;
    for (const [rank, entry] of entries.entries()) {
      this.#rank[entry] = rank;
      this.#next[last] = entry;
      this.#previous[entry] = last;
      last = entry;
    }
  }

  /** The first entry, always a call, or -1 when every operation is ordered. */
  get first(): number {
    return this.#next[2 * this.#count]!;
  }

  next(entry: number): number {
    return this.#next[entry]!;
  }

  isCall(entry: number): boolean {
    return entry < this.#count;
  }

  operationOf(entry: number): number {
    return entry < this.#count ? entry : entry - this.#count;
  }

  timeMicroseconds(entry: number): number {
    return this.#times[entry]!;
  }

  /** The place of an entry in the full list. */
  rank(entry: number): number {
    return this.#rank[entry]!;
  }

  /** Takes the call and the return of an operation out. */
  remove(operation: number): void {
    this.#unlink(operation);
    this.#unlink(this.#count + operation);
    this.#ordered[operation >> 5]! |= 1 << (operation & 31);
  }

  /** Puts the operation removed last back. Removals are undone in the opposite order. */
  restore(operation: number): void {
    this.#link(this.#count + operation);
    this.#link(operation);
    this.#ordered[operation >> 5]! &= ~(1 << (operation & 31));
  }

  /**
   * Names the set of ordered operations, given the highest one in it (-1 for none). All before
   * `first` are ordered and none after `highest`, so only the words between are spelled.
   */
  orderedKey(highest: number): string {
    const first = this.first === -1 ? this.#count : this.first;
    let key = `,${first}`;
    for (let word = first >> 5; word <= highest >> 5; word++) {
      key += `,${this.#ordered[word]!.toString(36)}`;
    }
    return key;
  }

  #unlink(entry: number): void {
    const before = this.#previous[entry]!;
    const after = this.#next[entry]!;
    this.#next[before] = after;
    if (after !== -1) this.#previous[after] = before;
  }

  #link(entry: number): void {
    const before = this.#previous[entry]!;
    const after = this.#next[entry]!;
    this.#next[before] = entry;
    if (after !== -1) this.#previous[after] = entry;
  }
}
