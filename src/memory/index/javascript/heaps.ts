/**
 * Binary heaps. They move elements exactly as native/heaps.h does, so that equal distances come out
 * in the same order on every rung.
 */

/** Candidates in arrays side by side. */
export class Candidates {
  distances: Float32Array;
  slots: Int32Array;
  count = 0;

  constructor(capacity: number) {
    this.distances = new Float32Array(capacity);
    this.slots = new Int32Array(capacity);
  }
}

export function pushNearest(heap: Candidates, distance: number, slot: number): void {
  const { distances, slots } = heap;
  let i = heap.count++;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (distances[parent]! <= distance) break;
    distances[i] = distances[parent]!;
    slots[i] = slots[parent]!;
    i = parent;
  }
  distances[i] = distance;
  slots[i] = slot;
}

/** Removes the root; the caller has read it. */
export function dropNearest(heap: Candidates): void {
  const { distances, slots } = heap;
  const count = --heap.count;
  const distance = distances[count]!;
  const slot = slots[count]!;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= count) break;
    if (child + 1 < count && distances[child + 1]! < distances[child]!) child += 1;
    if (distance <= distances[child]!) break;
    distances[i] = distances[child]!;
    slots[i] = slots[child]!;
    i = child;
  }
  distances[i] = distance;
  slots[i] = slot;
}

export function pushFarthest(heap: Candidates, distance: number, slot: number): void {
  const { distances, slots } = heap;
  let i = heap.count++;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (distances[parent]! >= distance) break;
    distances[i] = distances[parent]!;
    slots[i] = slots[parent]!;
    i = parent;
  }
  distances[i] = distance;
  slots[i] = slot;
}

export function dropFarthest(heap: Candidates): void {
  const { distances, slots } = heap;
  const count = --heap.count;
  const distance = distances[count]!;
  const slot = slots[count]!;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= count) break;
    if (child + 1 < count && distances[child + 1]! > distances[child]!) child += 1;
    if (distance >= distances[child]!) break;
    distances[i] = distances[child]!;
    slots[i] = slots[child]!;
    i = child;
  }
  distances[i] = distance;
  slots[i] = slot;
}

/** Farthest first: then dropping the first ones leaves a heap. */
export function areInOrder({ distances, count }: Candidates): boolean {
  for (let i = 1; i < count; i += 1) {
    if (distances[i - 1]! < distances[i]!) return false;
  }
  return true;
}

/** Leaves the nearest so many of a heap whose root is the farthest. */
export function keepNearest(heap: Candidates, kept: number): void {
  const { distances, slots, count } = heap;
  if (count <= kept) return;
  if (areInOrder(heap)) {
    distances.copyWithin(0, count - kept, count);
    slots.copyWithin(0, count - kept, count);
    heap.count = kept;
  }
  while (heap.count > kept) dropFarthest(heap);
}

/** Scored slots, the worst at the root: lower scores are worse, of equal ones the higher slot. */
export class Ranking {
  readonly scores: Float64Array;
  readonly slots: Int32Array;
  count = 0;

  constructor(capacity: number) {
    this.scores = new Float64Array(capacity);
    this.slots = new Int32Array(capacity);
  }

  /** Keeps the best `limit`. */
  offer(limit: number, score: number, slot: number): void {
    if (this.count === limit) {
      if (this.#isWorse(this.scores[0]!, this.slots[0]!, score, slot)) this.#sink(score, slot);
      return;
    }
    let i = this.count++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#isWorse(score, slot, this.scores[parent]!, this.slots[parent]!)) break;
      this.scores[i] = this.scores[parent]!;
      this.slots[i] = this.slots[parent]!;
      i = parent;
    }
    this.scores[i] = score;
    this.slots[i] = slot;
  }

  /** Removes the root; the caller has read it. */
  dropWorst(): void {
    this.count -= 1;
    this.#sink(this.scores[this.count]!, this.slots[this.count]!);
  }

  #sink(score: number, slot: number): void {
    const { scores, slots, count } = this;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= count) break;
      const next = child + 1;
      if (
        next < count &&
        this.#isWorse(scores[next]!, slots[next]!, scores[child]!, slots[child]!)
      ) {
        child = next;
      }
      if (!this.#isWorse(scores[child]!, slots[child]!, score, slot)) break;
      scores[i] = scores[child]!;
      slots[i] = slots[child]!;
      i = child;
    }
    scores[i] = score;
    slots[i] = slot;
  }

  #isWorse(score: number, slot: number, otherScore: number, otherSlot: number): boolean {
    return score < otherScore || (score === otherScore && slot > otherSlot);
  }
}
