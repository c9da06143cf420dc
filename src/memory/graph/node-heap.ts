/** A binary heap of nodes whose keys are kept by the caller and may change while they are in it. */
import type { GraphView } from './view.js';

/** Fewer hops first, then by id. */
export function isNearer(view: GraphView, hops: Uint32Array, a: number, b: number): boolean {
  const byHops = (hops[a] as number) - (hops[b] as number);
  return byHops === 0 ? view.compareNodes(a, b) < 0 : byHops < 0;
}

export class NodeHeap {
  readonly #heap: number[] = [];
  /** Place in the heap, plus 1; 0 for a node that is not in it. */
  readonly #places: Uint32Array;
  readonly #isBefore: (a: number, b: number) => boolean;

  constructor(nodeCount: number, isBefore: (a: number, b: number) => boolean) {
    this.#places = new Uint32Array(nodeCount);
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Adds a node, or moves it forward after its key became better. */
  put(node: number): void {
    let place = (this.#places[node] as number) - 1;
    if (place < 0) {
      place = this.#heap.length;
      this.#heap.push(node);
    }
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#heap[above] as number;
      if (!this.#isBefore(node, parent)) break;
      this.#set(place, parent);
      place = above;
    }
    this.#set(place, node);
  }

  /** Takes the first node. */
  take(): number | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined) return undefined;
    this.#places[first] = 0;
    if (this.#heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(node: number): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (
        below + 1 < heap.length &&
        this.#isBefore(heap[below + 1] as number, heap[below] as number)
      ) {
        below += 1;
      }
      if (!this.#isBefore(heap[below] as number, node)) break;
      this.#set(place, heap[below] as number);
      place = below;
    }
    this.#set(place, node);
  }

  #set(place: number, node: number): void {
    this.#heap[place] = node;
    this.#places[node] = place + 1;
  }
}
