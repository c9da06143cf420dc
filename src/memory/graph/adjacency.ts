/**
 * The edges of a store in memory: compressed sparse rows in both directions for what was there when
 * they were built, and an overlay of what came since.
 *
 *   outOffsets[node] .. outOffsets[node + 1]   numbers of the edges that leave node, ordered by
 *                                              target id, then relation
 *   inOffsets[node] .. inOffsets[node + 1]     positions in inEdges and inSources: what enters node,
 *                                              ordered by source id, then relation
 *
 * An edge of the arrays takes 24 bytes: target, relation, weight; its number and source in the other
 * direction. One that is deleted keeps its place until the arrays are built anew; its weight is NaN,
 * which no edge has. A deleted node keeps its number, and has it again if it comes back.
 */
import type { Edge } from '../engine.js';
import type { Names } from './names.js';
import { Overlay } from './overlay.js';

/** Columns of the arrays; all edges in the order of source, target, relation. */
export interface EdgeArrays {
  readonly outOffsets: Uint32Array;
  readonly targets: Uint32Array;
  readonly relations: Uint32Array;
  readonly weights: Float64Array;
  readonly inOffsets: Uint32Array;
  readonly inEdges: Uint32Array;
  readonly inSources: Uint32Array;
}

/** Told of a change before it is made, for those who read meanwhile. */
export interface ChangeListener {
  /** `before` is NaN where the edge was deleted. */
  weightChanges(edge: number, before: number): void;
  nodeChanges(node: number, wasThere: boolean): void;
}

const NOBODY: ChangeListener = {
  weightChanges: () => undefined,
  nodeChanges: () => undefined,
};

export class Adjacency {
  readonly nodes: Names;
  readonly relations: Names;
  readonly arrays: EdgeArrays;
  readonly overlay: Overlay;
  /** Edges by an end that is no memory; v1 files have some. They count once both ends are there. */
  readonly #waiting = new Map<string, Edge[]>();
  /** Edges in the arrays; the numbers of the overlay begin here. */
  readonly arrayEdges: number;
  readonly #deletedNodes = new Set<number>();
  #deletedEdges = 0;

  constructor(nodes: Names, relations: Names, arrays: EdgeArrays) {
    this.nodes = nodes;
    this.relations = relations;
    this.arrays = arrays;
    this.arrayEdges = arrays.targets.length;
    this.overlay = new Overlay(this.arrayEdges, nodes, relations);
  }

  /** Numbers of edges are below, those of deleted ones too. */
  get edgeLimit(): number {
    return this.arrayEdges + this.overlay.count;
  }

  get edgeCount(): number {
    return this.edgeLimit - this.#deletedEdges;
  }

  get nodeCount(): number {
    return this.nodes.count - this.#deletedNodes.size;
  }

  /** False while all edges that have a number are there. */
  get hasDeletedEdges(): boolean {
    return this.#deletedEdges > 0;
  }

  isNode(node: number): boolean {
    return !this.#deletedNodes.has(node);
  }

  /** The number of a memory that is there. */
  numberOf(id: string): number | undefined {
    const node = this.nodes.numberOf(id);
    return node !== undefined && this.isNode(node) ? node : undefined;
  }

  /** Bytes of the arrays, without names and overlay. */
  get arrayBytes(): number {
    return Object.values(this.arrays).reduce((sum, array: ArrayLike<number>) => {
      return sum + (array as Uint32Array).byteLength;
    }, 0);
  }

  targetOf(edge: number): number {
    if (edge < this.arrayEdges) return this.arrays.targets[edge] as number;
    return this.overlay.targetOf(edge);
  }

  /** A search, since only answers want the source of an edge whose row is not known. */
  sourceOf(edge: number): number {
    if (edge >= this.arrayEdges) return this.overlay.sourceOf(edge);
    const { outOffsets } = this.arrays;
    let [low, high] = [0, outOffsets.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((outOffsets[middle] as number) <= edge) low = middle;
      else high = middle;
    }
    return low;
  }

  relationOf(edge: number): number {
    if (edge < this.arrayEdges) return this.arrays.relations[edge] as number;
    return this.overlay.relationOf(edge);
  }

  weightOf(edge: number): number {
    if (edge < this.arrayEdges) return this.arrays.weights[edge] as number;
    return this.overlay.weightOf(edge);
  }

  /** An edge that counts once its ends are there. */
  wait(edge: Edge): void {
    const missing = this.numberOf(edge.from) === undefined ? edge.from : edge.to;
    const waiting = this.#waiting.get(missing);
    if (waiting === undefined) this.#waiting.set(missing, [edge]);
    else waiting.push(edge);
  }

  /** Adds a memory, and the edges that waited for it. */
  addNode(id: string, listener: ChangeListener = NOBODY): void {
    const node = this.nodes.add(id);
    if (this.#deletedNodes.has(node)) {
      listener.nodeChanges(node, false);
      this.#deletedNodes.delete(node);
    }
    const released = this.#waiting.get(id);
    if (released === undefined) return;
    this.#waiting.delete(id);
    for (const edge of released) {
      const isMissing = [edge.from, edge.to].some((end) => this.numberOf(end) === undefined);
      if (isMissing) this.wait(edge);
      else this.put(edge, listener);
    }
  }

  /** Deletes a memory with all edges at it, also those that wait for their other end. */
  deleteNode(id: string, listener: ChangeListener = NOBODY): void {
    const node = this.numberOf(id);
    if (node === undefined) return;
    for (const edge of this.#edgesAt(node)) this.#setWeight(edge, Number.NaN, listener);
    listener.nodeChanges(node, true);
    this.#deletedNodes.add(node);
    this.#forgetWaiting(({ from, to }) => from === id || to === id);
  }

  deleteEdge(
    { from, to, relation }: Omit<Edge, 'weight'>,
    listener: ChangeListener = NOBODY,
  ): void {
    const [source, target] = [this.nodes.numberOf(from), this.nodes.numberOf(to)];
    const kind = this.relations.numberOf(relation);
    this.#forgetWaiting((edge) => {
      return edge.from === from && edge.to === to && edge.relation === relation;
    });
    if (source === undefined || target === undefined || kind === undefined) return;
    const edge = this.#find(source, target, kind);
    if (edge !== undefined) this.#setWeight(edge, Number.NaN, listener);
  }

  *#edgesAt(node: number): IterableIterator<number> {
    const { outOffsets, inOffsets, inEdges } = this.arrays;
    if (node < outOffsets.length - 1) {
      const end = outOffsets[node + 1] as number;
      for (let edge = outOffsets[node] as number; edge < end; edge += 1) yield edge;
      const last = inOffsets[node + 1] as number;
      for (let at = inOffsets[node] as number; at < last; at += 1) yield inEdges[at] as number;
    }
    yield* this.overlay.out(node);
    yield* this.overlay.in(node);
  }

  #forgetWaiting(isMeant: (edge: Edge) => boolean): void {
    for (const [missing, edges] of this.#waiting) {
      const left = edges.filter((edge) => !isMeant(edge));
      if (left.length === 0) this.#waiting.delete(missing);
      else if (left.length < edges.length) this.#waiting.set(missing, left);
    }
  }

  /** Adds an edge between memories, or replaces its weight. */
  put({ from, to, relation, weight }: Edge, listener: ChangeListener = NOBODY): void {
    const [source, target] = [this.nodes.add(from), this.nodes.add(to)];
    const kind = this.relations.add(relation);
    const edge = this.#find(source, target, kind);
    if (edge === undefined) {
      this.overlay.add(source, target, kind, weight);
      return;
    }
    this.#setWeight(edge, weight, listener);
  }

  #setWeight(edge: number, weight: number, listener: ChangeListener): void {
    const before = this.weightOf(edge);
    listener.weightChanges(edge, before);
    this.#deletedEdges += Number(Number.isNaN(weight)) - Number(Number.isNaN(before));
    if (edge < this.arrayEdges) this.arrays.weights[edge] = weight;
    else this.overlay.setWeight(edge, weight);
  }

  #find(source: number, target: number, relation: number): number | undefined {
    const { outOffsets, targets, relations } = this.arrays;
    if (source < outOffsets.length - 1) {
      let low = outOffsets[source] as number;
      let high = outOffsets[source + 1] as number;
      while (low < high) {
        const middle = (low + high) >> 1;
        const order =
          this.nodes.compare(targets[middle] as number, target) ||
          this.relations.compare(relations[middle] as number, relation);
        if (order === 0) return middle;
        if (order < 0) low = middle + 1;
        else high = middle;
      }
    }
    return this.overlay.find(source, target, relation);
  }
}
