/** Questions to the graph of a store, with ids and namespaces instead of keys. */
import type { Edge } from '../engine.js';
import type {
  KHopsOptions,
  NeighbourOptions,
  PathOptions,
  TraverseOptions,
} from '../graph/index.js';
import { DEFAULT_NAMESPACE, memoryKey } from '../memory-key.js';
import { placeOf, type StoreEdge } from './records.js';
import type { StoreThread } from './thread.js';

/** A record on the way. */
export interface GraphPlace {
  readonly id: string;
  readonly namespace: string;
}

export interface StoreNeighbour extends GraphPlace {
  readonly type: string;
  readonly weight: number;
  readonly direction: 'out' | 'in';
}

export interface StorePath {
  /** Both ends included. */
  readonly records: readonly GraphPlace[];
  readonly edges: readonly StoreEdge[];
  /** Sum of -ln(weight); null where a weight is 0. */
  readonly cost: number | null;
}

/** Of the record that is named first. */
export interface InNamespace {
  readonly namespace?: string | undefined;
}

/** Each method rejects with `GraphError`; options and bounds are those of docs/graph.md. */
export class StoreGraph {
  readonly #thread: StoreThread;

  constructor(thread: StoreThread) {
    this.#thread = thread;
  }

  /** The edges of a record. */
  async neighbours(
    id: string,
    { namespace = DEFAULT_NAMESPACE, signal, ...options }: NeighbourOptions & InNamespace = {},
  ): Promise<{ neighbours: StoreNeighbour[]; isCut: boolean }> {
    const key = memoryKey(namespace, id);
    const { neighbours, isCut } = await this.#thread.admit(0, () =>
      this.#thread.call('neighbours', [key, options], { signal }),
    );
    const named = neighbours.map(({ id: other, relation: type, weight, direction }) => {
      return { ...placeOf(other), type, weight, direction };
    });
    return { neighbours: named, isCut };
  }

  /** The records within so many edges, nearest first. */
  async kHops(
    id: string,
    { namespace = DEFAULT_NAMESPACE, signal, ...options }: KHopsOptions & InNamespace = {},
  ): Promise<{ records: (GraphPlace & { hops: number })[]; isCut: boolean }> {
    const key = memoryKey(namespace, id);
    const { nodes, isCut } = await this.#thread.admit(0, () =>
      this.#thread.call('kHops', [key, options], { signal }),
    );
    return { records: nodes.map(({ id: node, hops }) => ({ ...placeOf(node), hops })), isCut };
  }

  /** A shortest path, or with `weighted` the lightest; null if there is none. */
  async path(
    from: string,
    to: string,
    {
      namespace = DEFAULT_NAMESPACE,
      toNamespace = namespace,
      signal,
      ...options
    }: PathOptions & InNamespace & { readonly toNamespace?: string | undefined } = {},
  ): Promise<StorePath | null> {
    const [start, end] = [memoryKey(namespace, from), memoryKey(toNamespace, to)];
    const path = await this.#thread.admit(0, () =>
      this.#thread.call('path', [start, end, options], { signal }),
    );
    if (path === null) return null;
    return { records: path.ids.map(placeOf), edges: path.edges.map(edgeOf), cost: path.cost };
  }

  /** The records with the best products of weights and decay. */
  async traverse(
    id: string,
    { namespace = DEFAULT_NAMESPACE, signal, ...options }: TraverseOptions & InNamespace = {},
  ): Promise<{ records: (GraphPlace & { score: number; hops: number })[]; isCut: boolean }> {
    const key = memoryKey(namespace, id);
    const { nodes, isCut } = await this.#thread.admit(0, () =>
      this.#thread.call('traverse', [key, options], { signal }),
    );
    return {
      records: nodes.map(({ id: node, ...more }) => ({ ...placeOf(node), ...more })),
      isCut,
    };
  }
}

function edgeOf({ from, to, relation: type, weight }: Edge): StoreEdge {
  const [start, end] = [placeOf(from), placeOf(to)];
  const { namespace } = start;
  return { from: start.id, to: end.id, type, weight, namespace, toNamespace: end.namespace };
}
