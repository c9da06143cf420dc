/** Vectors of one model: compared one by one while they are few, by a graph from then on. */
import { isDamage, MemoryError } from './errors.js';
import { HnswIndex, type HnswHit, type HnswSearchOptions } from './index/hnsw-index.js';
import { BREADTH_MAX } from './index/limits.js';
import { HELD_VECTORS_MAX, SCANNED_VECTORS_MAX, SEARCH_BREADTH_MIN, SPARE_HITS } from './limits.js';
import { Nearest, type Scored } from './nearest.js';
import { ExactVectorIndex, type VectorIndex } from './vector-index.js';

/** A filter of the graph, and of which state of this index it is. */
interface FilterBits {
  readonly filter: Uint8Array;
  readonly version: number;
  /** Between two versions ids only become outdated. */
  readonly outdated: number;
}

/**
 *     few --------------> graph <------> frozen
 *        more than 2,000        snapshot
 *
 * What costs time is left to `linkNext`: a vector that replaces one of the graph is held beside it and
 * compared until then, and the one in the graph does not count. A frozen graph does not change at all.
 */
export class GraphVectorIndex implements VectorIndex {
  readonly dimensions: number;
  #graph: HnswIndex | undefined;
  readonly #folder: string | undefined;
  /** All of them before there is a graph; then what it cannot take, or cannot take now. */
  #held: ExactVectorIndex;
  /** Ids whose vector in the graph is of before; the graph has every one of them. */
  readonly #outdated = new Set<string>();
  /** Vectors without a direction, which cosine cannot compare: their score is always 0. */
  readonly #directionless = new Set<string>();
  /** Bitmaps of sets that were allowed before, as long as somebody keeps the set. */
  readonly #filters = new WeakMap<ReadonlySet<string>, FilterBits>();
  #isFrozen = false;
  /** A search met something that its snapshot did not have. */
  #isDamaged = false;
  /** The graph could not take a vector: there is no memory, or no place. */
  #isFull = false;

  /** `folder`: where a new graph keeps originals instead of in memory. */
  constructor(dimensions: number, { graph, folder }: { graph?: HnswIndex; folder?: string } = {}) {
    this.dimensions = dimensions;
    this.#graph = graph;
    this.#folder = folder;
    this.#held = new ExactVectorIndex(dimensions);
  }

  get size(): number {
    const inGraph = (this.#graph?.size ?? 0) - this.#outdated.size;
    return inGraph + this.#held.size + this.#directionless.size;
  }

  /** The graph once there is one. */
  get graph(): HnswIndex | undefined {
    return this.#graph;
  }

  /** True if the graph is of no use: its snapshot is not what was saved. */
  get isDamaged(): boolean {
    return this.#isDamaged;
  }

  /** True if so much is held beside a frozen graph that searches feel it. */
  get isOverfull(): boolean {
    return this.#isFrozen && this.#held.size > HELD_VECTORS_MAX;
  }

  /** Vectors that searches compare one by one, and vectors of the graph. */
  counts(): { readonly scanned: number; readonly linked: number } {
    const { linkedCount = 0, pendingCount = 0 } = this.#graph?.describe() ?? {};
    return { scanned: this.#held.size + pendingCount, linked: linkedCount };
  }

  has(id: string): boolean {
    if (this.#held.has(id) || this.#directionless.has(id)) return true;
    return this.#graph?.has(id) === true && !this.#outdated.has(id);
  }

  put(id: string, values: Float32Array): void {
    if (values.every((value) => value === 0)) {
      this.delete(id);
      this.#directionless.add(id);
      return;
    }
    this.#directionless.delete(id);
    this.#held.put(id, values);
    if (this.#graph === undefined) {
      // Those held until now follow one by one.
      if (this.#held.size > SCANNED_VECTORS_MAX) this.#beginGraph();
    } else if (this.#graph.has(id)) {
      this.#outdated.add(id);
    } else if (!this.#isFrozen) {
      this.#takeIn(this.#graph, id, values);
    }
  }

  delete(id: string): void {
    this.#directionless.delete(id);
    this.#held.delete(id);
    if (this.#graph?.has(id) === true) this.#outdated.add(id);
  }

  /** True if a graph has every vector that it can compare, each as it is now; or there is none. */
  get isSettled(): boolean {
    return this.#graph === undefined || (this.#held.size === 0 && this.#outdated.size === 0);
  }

  /** Brings all vectors into the graph, without linking them. Not for the event loop of a node. */
  settle(): void {
    this.thaw();
    while (!this.isSettled && !this.#isFull) this.linkNext();
  }

  /** Brings one vector into the graph, or takes one out. True if there is more to do. */
  linkNext(): boolean {
    const graph = this.#graph;
    if (graph === undefined || this.#isFrozen) return false;
    const [held] = this.#isFull ? [] : this.#held.entries();
    if (held !== undefined) {
      this.#takeIn(graph, ...held);
      return true;
    }
    for (const id of this.#outdated) {
      if (this.#held.has(id)) continue;
      graph.delete(id);
      this.#outdated.delete(id);
      this.#isFull = false;
      return true;
    }
    return graph.link(1) > 0;
  }

  /** Until `thaw` the graph stays as it is now, so that it can be written to a file. */
  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
  }

  close(): void {
    this.#graph?.close();
    this.#graph = undefined;
  }

  search(query: Float32Array, limit: number, allowed?: ReadonlySet<string>): Scored[] {
    if (query.length !== this.dimensions) return [];
    const nearest = new Nearest(limit);
    for (const hit of this.#held.search(query, limit, allowed)) nearest.offer(hit);
    for (const id of this.#directionless) {
      if (allowed === undefined || allowed.has(id)) nearest.offer({ id, score: 0 });
    }
    if (this.#graph === undefined) return nearest.list();
    if (query.every((value) => value === 0)) {
      for (const id of this.#graph.ids()) {
        const isFound = !this.#outdated.has(id) && (allowed === undefined || allowed.has(id));
        if (isFound) nearest.offer({ id, score: 0 });
      }
    } else {
      for (const { id, score } of this.#searchGraph(this.#graph, query, limit, allowed)) {
        nearest.offer({ id, score: Math.min(1, Math.max(0, score)) });
      }
    }
    return nearest.list();
  }

  /**
   * At least the `limit` nearest that the graph finds. It cuts level scores in an order of its own, so
   * more are asked for until the last of them is worse than the last that counts.
   */
  #searchGraph(
    graph: HnswIndex,
    query: Float32Array,
    limit: number,
    allowed: ReadonlySet<string> | undefined,
  ): HnswHit[] {
    const filter = this.#filter(graph, allowed);
    for (let asked = limit + SPARE_HITS; ; asked *= 2) {
      const most = Math.min(asked, BREADTH_MAX);
      const breadth = Math.min(Math.max(2 * most, SEARCH_BREADTH_MIN), BREADTH_MAX);
      const hits = this.#ask(graph, query, { limit: most, breadth, ...filter });
      const last = hits[limit - 1]?.score;
      const isCutClean = last !== undefined && last > hits.at(-1)!.score;
      if (isCutClean || hits.length < most || most === BREADTH_MAX) return hits;
    }
  }

  #ask(graph: HnswIndex, query: Float32Array, options: HnswSearchOptions): HnswHit[] {
    try {
      return graph.search(query, options);
    } catch (error) {
      this.#isDamaged ||= isDamage(error);
      throw error;
    }
  }

  /** Those of the graph that are allowed and that it has as they are now. */
  #filter(graph: HnswIndex, allowed: ReadonlySet<string> | undefined): { filter?: Uint8Array } {
    const outdated = this.#outdated;
    if (allowed === undefined) {
      return outdated.size === 0 ? {} : { filter: graph.filterWithout(outdated) };
    }
    const { version } = graph;
    const known = this.#filters.get(allowed);
    if (known?.version === version && known.outdated === outdated.size) return known;
    const current = outdated.size === 0 ? allowed : [...allowed].filter((id) => !outdated.has(id));
    const made = { filter: graph.filterOf(current), version, outdated: outdated.size };
    this.#filters.set(allowed, made);
    return made;
  }

  /** Without memory for a graph all are compared one by one, and the next put tries again. */
  #beginGraph(): void {
    try {
      const originalsIn = this.#folder === undefined ? {} : { originalsIn: this.#folder };
      this.#graph = HnswIndex.create({ dimensions: this.dimensions, ...originalsIn });
    } catch (error) {
      if (!(error instanceof MemoryError)) throw error;
    }
  }

  /** Moves a held vector into the graph; where there is no room for it, it stays held. */
  #takeIn(graph: HnswIndex, id: string, values: Float32Array): void {
    try {
      graph.put(id, values);
    } catch (error) {
      if (!(error instanceof MemoryError)) throw error;
      this.#isFull = true;
      return;
    }
    this.#outdated.delete(id);
    this.#held.delete(id);
  }
}
