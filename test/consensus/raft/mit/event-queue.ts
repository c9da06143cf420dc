interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** A virtual clock: events in the order of their time, those of one moment as they were added. */
export class EventQueue {
  private readonly heap: Event[] = [];
  private added = 0;
  /** Virtual time in milliseconds. */
  nowMs = 0;

  /** Runs `run` in `delayMs` milliseconds of virtual time. */
  after(delayMs: number, run: () => void): void {
    const { heap } = this;
    heap.push({ at: this.nowMs + delayMs, order: (this.added += 1), run });
    for (let at = heap.length - 1; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at] as Event, heap[parent] as Event)) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  /** Lets `durationMs` milliseconds pass, with all that happens in them. */
  advance(durationMs: number): void {
    const end = this.nowMs + durationMs;
    for (let next = this.heap[0]; next !== undefined && next.at <= end; next = this.heap[0]) {
      this.removeFirst();
      this.nowMs = next.at;
      next.run();
    }
    this.nowMs = end;
  }

  private swap(a: number, b: number): void {
    const { heap } = this;
    [heap[a], heap[b]] = [heap[b] as Event, heap[a] as Event];
  }

  private removeFirst(): void {
    const { heap } = this;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isBefore(heap[child] as Event, heap[least] as Event)) {
          least = child;
        }
      }
      if (least === at) return;
      this.swap(at, least);
      at = least;
    }
  }
}
