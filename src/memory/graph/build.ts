/** Builds the arrays of the edges from a store, in steps. */
import type { Edge } from '../engine.js';
import { Adjacency, type EdgeArrays } from './adjacency.js';
import { Names } from './names.js';
import { compareTexts, sortInSteps } from './sort-in-steps.js';
import type { Work } from './work.js';

/** All ids and edges of a store at one moment. */
export interface GraphDump {
  ids(): Iterable<string>;
  edges(): Iterable<Edge>;
  close(): void;
}

/**
 * Reads ids and edges and puts them in order. Edges that a v2 store would refuse do not count: one
 * whose weight is no number from 0 to 1, and, until it is inserted, one whose end is no memory.
 */
export function* buildAdjacency(dump: GraphDump, work: Work): Generator<undefined, Adjacency> {
  const nodes = yield* sortedNames(dump.ids(), work);
  const edges = new GrowingEdges();
  const kinds = new Map<string, number>();
  const waiting: Edge[] = [];
  for (const edge of dump.edges()) {
    if (work.pass(4)) yield;
    const { from, to, relation, weight } = edge;
    if (!(weight >= 0 && weight <= 1)) continue;
    const [source, target] = [nodes.numberOf(from), nodes.numberOf(to)];
    if (source === undefined || target === undefined) {
      waiting.push(edge);
      continue;
    }
    let kind = kinds.get(relation);
    if (kind === undefined) kinds.set(relation, (kind = kinds.size));
    edges.add(source, target, kind, weight);
  }
  const relations = yield* sortedNames(kinds.keys(), work);
  const numbers = Uint32Array.from(kinds.keys(), (name) => relations.numberOf(name) ?? 0);
  const arrays = yield* inOrder(edges, numbers, nodes.count, work);
  const adjacency = new Adjacency(nodes, relations, arrays);
  for (const edge of waiting) {
    adjacency.wait(edge);
    if (work.pass()) yield;
  }
  return adjacency;
}

function* sortedNames(names: Iterable<string>, work: Work): Generator<undefined, Names> {
  const gathered: string[] = [];
  for (const name of names) {
    if (name !== '') gathered.push(name);
    if (work.pass(2)) yield;
  }
  const distinct: string[] = [];
  for (const name of yield* sortInSteps(gathered, compareTexts, work)) {
    // Two texts of v1 that are no valid UTF-8 may read alike.
    if (name !== distinct.at(-1)) distinct.push(name);
    if (work.pass()) yield;
  }
  const sorted = new Names(distinct);
  for (let number = 0; number < distinct.length; number += 1) {
    sorted.index(number);
    if (work.pass()) yield;
  }
  return sorted;
}

/** Sorts by source, target and relation: stable counting sorts, the least key first. */
function* inOrder(
  edges: GrowingEdges,
  relationNumbers: Uint32Array,
  nodeCount: number,
  work: Work,
): Generator<undefined, EdgeArrays> {
  const { count, sources, targets, kinds, weights } = edges;
  let order: Uint32Array = new Uint32Array(count);
  for (let at = 0; at < count; at += 1) {
    order[at] = at;
    kinds[at] = relationNumbers[kinds[at] as number] as number;
    if (work.pass()) yield;
  }
  order = (yield* countingSort(order, kinds, relationNumbers.length, work)).order;
  order = (yield* countingSort(order, targets, nodeCount, work)).order;
  const bySource = yield* countingSort(order, sources, nodeCount, work);
  ({ order } = bySource);
  const arrays = {
    outOffsets: bySource.offsets,
    targets: new Uint32Array(count),
    relations: new Uint32Array(count),
    weights: new Float64Array(count),
  };
  const orderedSources = new Uint32Array(count);
  const identity = new Uint32Array(count);
  for (let at = 0; at < count; at += 1) {
    const from = order[at] as number;
    arrays.targets[at] = targets[from] as number;
    arrays.relations[at] = kinds[from] as number;
    arrays.weights[at] = weights[from] as number;
    orderedSources[at] = sources[from] as number;
    identity[at] = at;
    if (work.pass()) yield;
  }
  const byTarget = yield* countingSort(identity, arrays.targets, nodeCount, work);
  const inSources = new Uint32Array(count);
  for (let at = 0; at < count; at += 1) {
    inSources[at] = orderedSources[byTarget.order[at] as number] as number;
    if (work.pass()) yield;
  }
  return { ...arrays, inOffsets: byTarget.offsets, inEdges: byTarget.order, inSources };
}

function* countingSort(
  order: Uint32Array,
  keys: Uint32Array,
  keyCount: number,
  work: Work,
): Generator<undefined, { order: Uint32Array; offsets: Uint32Array }> {
  const offsets = new Uint32Array(keyCount + 1);
  for (let at = 0; at < order.length; at += 1) {
    const key = keys[order[at] as number] as number;
    offsets[key + 1] = (offsets[key + 1] as number) + 1;
    if (work.pass()) yield;
  }
  for (let key = 0; key < keyCount; key += 1) {
    offsets[key + 1] = (offsets[key + 1] as number) + (offsets[key] as number);
    if (work.pass()) yield;
  }
  const next = offsets.slice();
  const sorted = new Uint32Array(order.length);
  for (let at = 0; at < order.length; at += 1) {
    const element = order[at] as number;
    const key = keys[element] as number;
    const place = next[key] as number;
    sorted[place] = element;
    next[key] = place + 1;
    if (work.pass()) yield;
  }
  return { order: sorted, offsets };
}

const CAPACITY_FIRST = 1024;

/** Edges as they come. */
class GrowingEdges {
  count = 0;
  sources = new Uint32Array(CAPACITY_FIRST);
  targets = new Uint32Array(CAPACITY_FIRST);
  kinds = new Uint32Array(CAPACITY_FIRST);
  weights = new Float64Array(CAPACITY_FIRST);

  add(source: number, target: number, kind: number, weight: number): void {
    if (this.count === this.sources.length) this.#grow();
    this.sources[this.count] = source;
    this.targets[this.count] = target;
    this.kinds[this.count] = kind;
    this.weights[this.count] = weight;
    this.count += 1;
  }

  #grow(): void {
    const capacity = this.count * 2;
    this.sources = grown(this.sources, new Uint32Array(capacity));
    this.targets = grown(this.targets, new Uint32Array(capacity));
    this.kinds = grown(this.kinds, new Uint32Array(capacity));
    this.weights = grown(this.weights, new Float64Array(capacity));
  }
}

function grown<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
