/**
 * A binary heap ordered by time, then by the order of insertion, so that equal times never leave
 * the order of events to chance. Three parallel arrays: no allocation an event.
 */
export class EventHeap<Item> {
  readonly #times: number[] = [];
  readonly #sequences: number[] = [];
  readonly #items: Item[] = [];
  #sequence = 0;

  get size(): number {
    return this.#times.length;
  }

  /** The time of the earliest item; Infinity when there is none. */
  get nextMicroseconds(): number {
    return this.#times[0] ?? Infinity;
  }

  push(timeMicroseconds: number, item: Item): void {
    const times = this.#times;
    const sequences = this.#sequences;
    const items = this.#items;
    const sequence = this.#sequence++;
    let place = times.length;
    times.push(timeMicroseconds);
    sequences.push(sequence);
    items.push(item);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      // A new item has the highest sequence, so at equal times it stays below.
      if (times[parent]! <= timeMicroseconds) break;
      times[place] = times[parent]!;
      sequences[place] = sequences[parent]!;
      items[place] = items[parent]!;
      place = parent;
    }
    times[place] = timeMicroseconds;
    sequences[place] = sequence;
    items[place] = item;
  }

  /** Takes out the earliest item; undefined when there is none. */
  pop(): Item | undefined {
    const top = this.#items[0];
    const time = this.#times.pop();
    const sequence = this.#sequences.pop();
    const item = this.#items.pop();
    if (time === undefined || this.#times.length === 0) return top;
    this.#sinkFromTop(time, sequence!, item!);
    return top;
  }

  #sinkFromTop(time: number, sequence: number, item: Item): void {
    const times = this.#times;
    const sequences = this.#sequences;
    const items = this.#items;
    const size = times.length;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#precedes(child + 1, times[child]!, sequences[child]!)) child++;
      if (!this.#precedes(child, time, sequence)) break;
      times[place] = times[child]!;
      sequences[place] = sequences[child]!;
      items[place] = items[child]!;
      place = child;
    }
    times[place] = time;
    sequences[place] = sequence;
    items[place] = item;
  }

  #precedes(place: number, time: number, sequence: number): boolean {
    const own = this.#times[place]!;
    return own < time || (own === time && this.#sequences[place]! < sequence);
  }
}
