/**
 * What one query sees: the graph as it was when the query began, however long it runs. Nodes and
 * edges that came later have higher numbers; weights and memories that were replaced are remembered
 * as they were.
 */
import type { Edge, Memory } from '../engine.js';
import type { Adjacency } from './adjacency.js';
import { GraphError } from './error.js';
import type { Work } from './work.js';

/** Along edges (`out`), against them (`in`), or either way. */
export type Direction = 'out' | 'in' | 'both';

/** Which relations count, by number; undefined for all. */
export type RelationMask = Uint8Array | undefined;

/** The ends and numbers of edges, side by side. */
export class Steps {
  others = new Uint32Array(16);
  edges = new Uint32Array(16);
  length = 0;

  add(other: number, edge: number): void {
    if (this.length === this.others.length) this.#grow();
    this.others[this.length] = other;
    this.edges[this.length] = edge;
    this.length += 1;
  }

  #grow(): void {
    const [others, edges] = [this.others, this.edges];
    this.others = new Uint32Array(this.length * 2);
    this.edges = new Uint32Array(this.length * 2);
    this.others.set(others);
    this.edges.set(edges);
  }
}

export class GraphView {
  readonly #adjacency: Adjacency;
  readonly #read: (id: string) => Memory | undefined;
  readonly #edgeLimit: number;
  /** Numbers of nodes are below. */
  readonly nodeCount: number;
  readonly #weightsBefore = new Map<number, number>();
  readonly #nodesBefore = new Map<number, boolean>();
  readonly #memoriesBefore = new Map<string, Memory | undefined>();

  constructor(adjacency: Adjacency, read: (id: string) => Memory | undefined) {
    this.#adjacency = adjacency;
    this.#read = read;
    this.#edgeLimit = adjacency.edgeLimit;
    this.nodeCount = adjacency.nodes.count;
  }

  /** A weight is replaced while this view is read. */
  rememberWeight(adjacency: Adjacency, edge: number, weightBefore: number): void {
    // Arrays that were built meanwhile number their edges anew; those of this view stay as they are.
    if (adjacency !== this.#adjacency || edge >= this.#edgeLimit) return;
    if (this.#weightsBefore.has(edge)) return;
    this.#weightsBefore.set(edge, weightBefore);
  }

  /** A node is deleted, or comes back, while this view is read. */
  rememberNode(adjacency: Adjacency, node: number, wasThere: boolean): void {
    if (adjacency !== this.#adjacency || this.#nodesBefore.has(node)) return;
    this.#nodesBefore.set(node, wasThere);
  }

  /** Whether a number below `nodeCount` is that of a memory. */
  isNode(node: number): boolean {
    const before = this.#nodesBefore.size > 0 ? this.#nodesBefore.get(node) : undefined;
    return before ?? this.#adjacency.isNode(node);
  }

  /** A memory is about to be replaced or deleted while this view is read. */
  rememberMemory(id: string): void {
    if (this.#memoriesBefore.has(id)) return;
    this.#memoriesBefore.set(id, this.#read(id));
  }

  numberOf(id: string): number | undefined {
    const number = this.#adjacency.nodes.numberOf(id);
    if (number === undefined || number >= this.nodeCount) return undefined;
    return this.isNode(number) ? number : undefined;
  }

  /** The number of a memory that a caller names. Throws `unknown-memory`. */
  requireNode(id: string): number {
    const number = this.numberOf(id);
    if (number !== undefined) return number;
    const shown = id.length > 100 ? `${id.slice(0, 100)}…` : id;
    throw new GraphError('unknown-memory', `there is no memory with the id ${shown}`);
  }

  idOf(node: number): string {
    return this.#adjacency.nodes.name(node);
  }

  relationNameOf(edge: number): string {
    return this.#adjacency.relations.name(this.#adjacency.relationOf(edge));
  }

  sourceOf(edge: number): number {
    return this.#adjacency.sourceOf(edge);
  }

  targetOf(edge: number): number {
    return this.#adjacency.targetOf(edge);
  }

  weightOf(edge: number): number {
    if (this.#weightsBefore.size > 0) {
      const before = this.#weightsBefore.get(edge);
      if (before !== undefined) return before;
    }
    return this.#adjacency.weightOf(edge);
  }

  edgeOf(edge: number): Edge {
    return {
      from: this.idOf(this.sourceOf(edge)),
      to: this.idOf(this.targetOf(edge)),
      relation: this.relationNameOf(edge),
      weight: this.weightOf(edge),
    };
  }

  /** A memory with its content, which is read from the store. */
  memoryOf(node: number, work: Work): Memory {
    const id = this.idOf(node);
    work.read();
    const memory = this.#memoriesBefore.has(id) ? this.#memoriesBefore.get(id) : this.#read(id);
    if (memory !== undefined) return memory;
    throw new GraphError('closed', `the memory ${id} is not in the store any more; ask again`);
  }

  /** Order of nodes by id. */
  compareNodes(a: number, b: number): number {
    return this.#adjacency.nodes.compare(a, b);
  }

  /** Order of the relations of two edges, by name. */
  compareRelations(a: number, b: number): number {
    const { relations } = this.#adjacency;
    return relations.compare(this.#adjacency.relationOf(a), this.#adjacency.relationOf(b));
  }

  /** The nodes that came after the arrays were built, which are not numbered by id. */
  get unorderedFrom(): number {
    return this.#adjacency.nodes.sortedCount;
  }

  /** Names that the store does not know select nothing. */
  maskOf(relations: readonly string[] | undefined): RelationMask {
    if (relations === undefined || relations.length === 0) return undefined;
    const mask = new Uint8Array(this.#adjacency.relations.count);
    for (const relation of relations) {
      const number = this.#adjacency.relations.numberOf(relation);
      if (number !== undefined) mask[number] = 1;
    }
    return mask;
  }

  /**
   * Puts the edges of a node into `steps`: by id of the other end, then relation; for `both` first
   * those that leave it. A loop counts once.
   */
  expand(node: number, direction: Direction, mask: RelationMask, steps: Steps): void {
    steps.length = 0;
    if (direction !== 'in') this.#expandOut(node, mask, steps);
    if (direction !== 'out') this.#expandIn(node, mask, steps, direction === 'both');
  }

  #expandOut(node: number, mask: RelationMask, steps: Steps): void {
    const { arrays, overlay } = this.#adjacency;
    const mayBeDeleted = this.#adjacency.hasDeletedEdges || this.#weightsBefore.size > 0;
    const added = overlay.out(node);
    let at = 0;
    if (node < arrays.outOffsets.length - 1) {
      const { targets, relations } = arrays;
      const end = arrays.outOffsets[node + 1] as number;
      for (let edge = arrays.outOffsets[node] as number; edge < end; edge += 1) {
        if (mask !== undefined && mask[relations[edge] as number] !== 1) continue;
        if (mayBeDeleted && this.#isDeleted(edge)) continue;
        const target = targets[edge] as number;
        while (at < added.length && this.#isBefore(added[at] as number, 'out', target, edge)) {
          this.#addOverlay(added[at++] as number, 'out', mask, steps);
        }
        steps.add(target, edge);
      }
    }
    while (at < added.length) this.#addOverlay(added[at++] as number, 'out', mask, steps);
  }

  #expandIn(node: number, mask: RelationMask, steps: Steps, isWithoutLoops: boolean): void {
    const { arrays, overlay } = this.#adjacency;
    const mayBeDeleted = this.#adjacency.hasDeletedEdges || this.#weightsBefore.size > 0;
    const added = overlay.in(node);
    const skipped = isWithoutLoops ? node : -1;
    let at = 0;
    if (node < arrays.inOffsets.length - 1) {
      const { inEdges, inSources, relations } = arrays;
      const end = arrays.inOffsets[node + 1] as number;
      for (let place = arrays.inOffsets[node] as number; place < end; place += 1) {
        const edge = inEdges[place] as number;
        if (mask !== undefined && mask[relations[edge] as number] !== 1) continue;
        if (mayBeDeleted && this.#isDeleted(edge)) continue;
        const source = inSources[place] as number;
        if (source === skipped) continue;
        while (at < added.length && this.#isBefore(added[at] as number, 'in', source, edge)) {
          this.#addOverlay(added[at++] as number, 'in', mask, steps, skipped);
        }
        steps.add(source, edge);
      }
    }
    while (at < added.length) this.#addOverlay(added[at++] as number, 'in', mask, steps, skipped);
  }

  #isDeleted(edge: number): boolean {
    return Number.isNaN(this.weightOf(edge));
  }

  #isBefore(added: number, direction: 'out' | 'in', other: number, edge: number): boolean {
    const { overlay } = this.#adjacency;
    const addedOther = direction === 'out' ? overlay.targetOf(added) : overlay.sourceOf(added);
    const order = this.compareNodes(addedOther, other) || this.compareRelations(added, edge);
    return order < 0;
  }

  #addOverlay(
    edge: number,
    direction: 'out' | 'in',
    mask: RelationMask,
    steps: Steps,
    skipped = -1,
  ): void {
    const { overlay } = this.#adjacency;
    if (edge >= this.#edgeLimit || this.#isDeleted(edge)) return;
    if (mask !== undefined && mask[overlay.relationOf(edge)] !== 1) return;
    const other = direction === 'out' ? overlay.targetOf(edge) : overlay.sourceOf(edge);
    if (other !== skipped) steps.add(other, edge);
  }
}
