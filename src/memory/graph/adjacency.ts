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
 * direction.
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

/** What a change of a weight tells those who read meanwhile. */
export type WeightListener = (edge: number, weightBefore: number) => void;

export class Adjacency {
  readonly nodes: Names;
  readonly relations: Names;
  readonly arrays: EdgeArrays;
  readonly overlay: Overlay;
  /** Edges by an end that is no memory; v1 files have some. They count once both ends are there. */
  readonly #waiting = new Map<string, Edge[]>();
  /** Edges in the arrays; the numbers of the overlay begin here. */
  readonly arrayEdges: number;

  constructor(nodes: Names, relations: Names, arrays: EdgeArrays) {
    this.nodes = nodes;
    this.relations = relations;
    this.arrays = arrays;
    this.arrayEdges = arrays.targets.length;
    this.overlay = new Overlay(this.arrayEdges, nodes, relations);
  }

  get edgeCount(): number {
    return this.arrayEdges + this.overlay.count;
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
    const missing = this.nodes.numberOf(edge.from) === undefined ? edge.from : edge.to;
    const waiting = this.#waiting.get(missing);
    if (waiting === undefined) this.#waiting.set(missing, [edge]);
    else waiting.push(edge);
  }

  /** Adds a memory, and the edges that waited for it. */
  addNode(id: string): void {
    this.nodes.add(id);
    const released = this.#waiting.get(id);
    if (released === undefined) return;
    this.#waiting.delete(id);
    for (const edge of released) {
      const isMissing = [edge.from, edge.to].some((end) => this.nodes.numberOf(end) === undefined);
      if (isMissing) this.wait(edge);
      else this.put(edge, () => undefined);
    }
  }

  /** Adds an edge between memories, or replaces its weight. */
  put({ from, to, relation, weight }: Edge, onWeightChange: WeightListener): void {
    const [source, target] = [this.nodes.add(from), this.nodes.add(to)];
    const kind = this.relations.add(relation);
    const edge = this.#find(source, target, kind);
    if (edge === undefined) {
      this.overlay.add(source, target, kind, weight);
      return;
    }
    onWeightChange(edge, this.weightOf(edge));
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
