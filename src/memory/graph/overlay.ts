/** Edges that came after the arrays were built, in ordered lists a node and direction. */
import type { Names } from './names.js';

const NONE: readonly number[] = [];

export class Overlay {
  readonly #first: number;
  readonly #nodes: Names;
  readonly #relations: Names;
  readonly #sources: number[] = [];
  readonly #targets: number[] = [];
  readonly #kinds: number[] = [];
  readonly #weights: number[] = [];
  readonly #out = new Map<number, number[]>();
  readonly #in = new Map<number, number[]>();

  /** `first`: number of the first edge. */
  constructor(first: number, nodes: Names, relations: Names) {
    this.#first = first;
    this.#nodes = nodes;
    this.#relations = relations;
  }

  get count(): number {
    return this.#sources.length;
  }

  sourceOf(edge: number): number {
    return this.#sources[edge - this.#first] as number;
  }

  targetOf(edge: number): number {
    return this.#targets[edge - this.#first] as number;
  }

  relationOf(edge: number): number {
    return this.#kinds[edge - this.#first] as number;
  }

  weightOf(edge: number): number {
    return this.#weights[edge - this.#first] as number;
  }

  setWeight(edge: number, weight: number): void {
    this.#weights[edge - this.#first] = weight;
  }

  /** Edges that leave a node, by target id and relation. */
  out(node: number): readonly number[] {
    return this.#out.get(node) ?? NONE;
  }

  /** Edges that enter a node, by source id and relation. */
  in(node: number): readonly number[] {
    return this.#in.get(node) ?? NONE;
  }

  add(source: number, target: number, relation: number, weight: number): void {
    const edge = this.#first + this.#sources.length;
    this.#sources.push(source);
    this.#targets.push(target);
    this.#kinds.push(relation);
    this.#weights.push(weight);
    this.#insert(this.#out, source, edge, (other) => this.targetOf(other));
    this.#insert(this.#in, target, edge, (other) => this.sourceOf(other));
  }

  find(source: number, target: number, relation: number): number | undefined {
    const list = this.out(source);
    const at = this.#place(list, target, relation, (edge) => this.targetOf(edge));
    const edge = list[at];
    if (edge === undefined) return undefined;
    return this.targetOf(edge) === target && this.relationOf(edge) === relation ? edge : undefined;
  }

  #insert(
    lists: Map<number, number[]>,
    node: number,
    edge: number,
    otherOf: (edge: number) => number,
  ): void {
    const list = lists.get(node);
    if (list === undefined) {
      lists.set(node, [edge]);
      return;
    }
    list.splice(this.#place(list, otherOf(edge), this.relationOf(edge), otherOf), 0, edge);
  }

  /** Where an edge stands, or would stand, in a list. */
  #place(
    list: readonly number[],
    other: number,
    relation: number,
    otherOf: (edge: number) => number,
  ): number {
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const edge = list[middle] as number;
      const order =
        this.#nodes.compare(otherOf(edge), other) ||
        this.#relations.compare(this.relationOf(edge), relation);
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
