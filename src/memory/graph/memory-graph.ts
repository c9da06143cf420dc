/**
 * The graph of a store: built in memory when it is first asked, kept current by the commands that the
 * engine applies, and read in slices.
 *
 *   empty --first query--> building --done--> ready --many new edges--> ready, building anew
 *     ^                        |                |
 *     +------- clear() --------+----------------+        close(): for good
 */
import type { Edge, LoggedCommand, Memory } from '../engine.js';
import type { Adjacency, ChangeListener } from './adjacency.js';
import { around, type Around, type AroundBounds } from './around.js';
import { buildAdjacency, type GraphDump } from './build.js';
import type { GraphChange } from './changes.js';
import { runQuery, type Parameters, type QueryResult } from './cypher/index.js';
import { GraphError } from './error.js';
import { kHops, type KHops } from './k-hops.js';
import { OVERLAY_EDGES_MAX, OVERLAY_SHARE_MAX } from './limits.js';
import { neighboursOf, type Neighbours, type Walk } from './neighbours.js';
import * as checked from './options.js';
import type {
  KHopsOptions,
  NeighbourOptions,
  PathOptions,
  TraverseOptions,
  WalkOptions,
} from './options.js';
import { finish } from '../steps.js';
import { shortestPath } from './shortest-path.js';
import { traverse, type Traversal } from './traverse.js';
import { Turns } from './turns.js';
import { GraphView } from './view.js';
import { weightedPath } from './weighted-path.js';
import { Work, type WorkBounds } from './work.js';

/** Where the graph reads the store from. */
export interface GraphSource {
  /** A view of this moment; the store goes on meanwhile. */
  dump(): GraphDump;
  get(id: string): Memory | undefined;
}

/** A path from one memory to another. */
export interface Path {
  /** Ids on the way, both ends included. */
  readonly ids: string[];
  /** One less than ids; each as it is stored, also where the path goes against it. */
  readonly edges: Edge[];
  /** Sum of -ln(weight) over the edges; null where a weight is 0. */
  readonly cost: number | null;
}

export interface GraphSize {
  readonly nodes: number;
  readonly edges: number;
  /** Edges that came after the arrays were built. */
  readonly overlayEdges: number;
  /** Bytes of the arrays; names and overlay are beside. */
  readonly arrayBytes: number;
}

export interface QueryOptions {
  /** Values for `$name`. */
  readonly parameters?: Parameters | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Narrower bounds than the usual ones. */
  readonly bounds?: Partial<WorkBounds> | undefined;
}

/** A build under way, and what the store has done since its dump. */
interface Build {
  readonly changes: GraphChange[];
  readonly done: Promise<Adjacency>;
}

/** All methods that read reject with `GraphError`, and with what the store throws. */
export class MemoryGraph {
  readonly #source: GraphSource;
  readonly #turns = new Turns();
  readonly #views = new Set<GraphView>();
  #adjacency: Adjacency | undefined;
  #build: Build | undefined;
  /** Grows by one with each `clear`: whatever began before is void. */
  #epoch = 0;
  #isClosed = false;

  constructor(source: GraphSource) {
    this.#source = source;
  }

  /** The edges of a memory: by id of the other end, then relation. */
  async neighbours(id: string, options: NeighbourOptions = {}): Promise<Neighbours> {
    const limit = checked.limitOf(options);
    return this.#walk(options, (view, work, walk) =>
      neighboursOf(view, work, view.requireNode(id), { ...walk, limit }),
    );
  }

  /** The memories within so many hops: nearest first, then by id. */
  async kHops(id: string, options: KHopsOptions = {}): Promise<KHops> {
    const [limit, hops] = [checked.limitOf(options), checked.hopsOf(options.hops ?? 2)];
    return this.#walk(options, (view, work, walk) =>
      kHops(view, work, view.requireNode(id), hops, { ...walk, limit }),
    );
  }

  /** A path with the fewest edges, or the least cost; null if there is none. */
  async path(from: string, to: string, options: PathOptions = {}): Promise<Path | null> {
    const hopsMax = checked.hopsOf(options.hops ?? 64);
    return this.#walk(options, function* (view, work, walk) {
      const [start, end] = [view.requireNode(from), view.requireNode(to)];
      const found =
        options.weighted === true
          ? yield* weightedPath(view, work, start, end, walk)
          : yield* shortestPath(view, work, start, end, { ...walk, hopsMax });
      if (found === null) return null;
      const edges = found.edges.map((edge) => view.edgeOf(edge));
      const cost = edges.reduce((sum, { weight }) => sum - Math.log(weight), 0);
      const ids = found.nodes.map((node) => view.idOf(node));
      return { ids, edges, cost: Number.isFinite(cost) ? cost : null };
    });
  }

  /** Weighted traversal: the memories with the best products of weights and decay. */
  async traverse(id: string, options: TraverseOptions = {}): Promise<Traversal> {
    const limit = checked.limitOf(options);
    const decay = checked.decayOf(options);
    const scoreMin = checked.scoreMinOf(options);
    return this.#walk(options, (view, work, walk) =>
      traverse(view, work, view.requireNode(id), { ...walk, limit, decay, scoreMin }),
    );
  }

  /** Answers a query in the subset of openCypher that docs/graph.md describes. */
  async query(text: string, options: QueryOptions = {}): Promise<QueryResult> {
    const { parameters = {}, signal, bounds } = options;
    const prepared = runQuery(text, parameters);
    return this.#read(signal, new Work(bounds), prepared);
  }

  /** Builds the graph if it is not there, and tells its size. */
  async size(): Promise<GraphSize> {
    const { nodeCount, edgeCount, overlay, arrayBytes } = await this.#ready();
    return { nodes: nodeCount, edges: edgeCount, overlayEdges: overlay.count, arrayBytes };
  }

  /**
   * The surroundings of memories, for a search that cannot wait: in one go, and the first time it builds
   * the graph in one go too, where `size()` has not done that before. Throws `closed`, and `invalid` for
   * relations that are no names.
   */
  aroundNow(
    ids: readonly string[],
    relations: readonly string[] | undefined,
    bounds: AroundBounds,
  ): Around {
    if (this.#isClosed) throw new GraphError('closed', 'the store is closed');
    const named = checked.relationsOf({ relations });
    // A build that is under way goes on, and puts its own graph in the place of this one.
    const adjacency = this.#adjacency ?? finish(this.#building(new Work(), []));
    const view = new GraphView(adjacency, (id) => this.#source.get(id));
    return around(view, ids, view.maskOf(named), bounds);
  }

  /** The engine is about to apply these: what they replace is kept for those who read now. */
  willApply(commands: readonly LoggedCommand[]): void {
    if (this.#views.size === 0) return;
    for (const { command } of commands) {
      if (!('id' in command)) continue;
      for (const view of this.#views) view.rememberMemory(command.id);
    }
  }

  /** The engine has committed these, in this order. */
  follow(changes: readonly GraphChange[]): void {
    for (const change of changes) {
      this.#build?.changes.push(change);
      if (this.#adjacency !== undefined) this.#change(this.#adjacency, change);
    }
  }

  /** Forgets everything; what runs ends with `closed`, and the next query builds anew. */
  clear(): void {
    this.#epoch += 1;
    this.#adjacency = undefined;
    this.#build = undefined;
  }

  close(): void {
    this.clear();
    this.#isClosed = true;
  }

  async #walk<T>(
    options: WalkOptions,
    steps: (
      view: GraphView,
      work: Work,
      walk: Pick<Walk, 'direction' | 'relations'>,
    ) => Generator<undefined, T>,
  ): Promise<T> {
    const direction = checked.directionOf(options);
    const relations = checked.relationsOf(options);
    return this.#read(options.signal, new Work(), (view, work) =>
      steps(view, work, { direction, relations: view.maskOf(relations) }),
    );
  }

  async #read<T>(
    signal: AbortSignal | undefined,
    work: Work,
    steps: (view: GraphView, work: Work) => Generator<undefined, T>,
  ): Promise<T> {
    const check = this.#checkOf(signal);
    const adjacency = await this.#ready();
    check();
    this.#rebuildIfLarge(adjacency);
    const view = new GraphView(adjacency, (id) => this.#source.get(id));
    this.#views.add(view);
    try {
      return await this.#turns.run(steps(view, work), work, check);
    } finally {
      this.#views.delete(view);
    }
  }

  /** Throws once the store is not any more what it was when this was called. */
  #checkOf(signal?: AbortSignal): () => void {
    const epoch = this.#epoch;
    return () => {
      signal?.throwIfAborted();
      if (this.#epoch === epoch && !this.#isClosed) return;
      throw new GraphError('closed', 'the store was closed or replaced meanwhile; ask again');
    };
  }

  async #ready(): Promise<Adjacency> {
    if (this.#isClosed) throw new GraphError('closed', 'the store is closed');
    if (this.#adjacency !== undefined) return this.#adjacency;
    this.#build ??= this.#startBuild();
    return this.#build.done;
  }

  /** Queries go on with what is there until the new arrays are. */
  #rebuildIfLarge({ arrayEdges, overlay }: Adjacency): void {
    const most = Math.max(OVERLAY_EDGES_MAX, arrayEdges * OVERLAY_SHARE_MAX);
    if (overlay.count <= most || this.#build !== undefined) return;
    this.#build = this.#startBuild();
    // The graph that is there stays as good as it was; the next query tries again.
    this.#build.done.catch(() => undefined);
  }

  #startBuild(): Build {
    const changes: GraphChange[] = [];
    const work = new Work();
    const steps = this.#building(work, changes);
    const build: Build = { changes, done: this.#turns.run(steps, work, this.#checkOf()) };
    const forget = (): void => {
      if (this.#build === build) this.#build = undefined;
    };
    build.done.then(forget, forget);
    return build;
  }

  *#building(work: Work, changes: GraphChange[]): Generator<undefined, Adjacency> {
    let adjacency: Adjacency;
    // Changes of before the dump may be in both: made again in their order they end the same.
    const dump = this.#source.dump();
    try {
      adjacency = yield* buildAdjacency(dump, work);
    } finally {
      dump.close();
    }
    // More may come while these are taken, but never between the last one and the end.
    for (let at = 0; at < changes.length; at += 1) {
      this.#change(adjacency, changes[at] as GraphChange);
      if (work.pass(16)) yield;
    }
    this.#adjacency = adjacency;
    if (this.#build?.changes === changes) this.#build = undefined;
    return adjacency;
  }

  #change(adjacency: Adjacency, change: GraphChange): void {
    const listener: ChangeListener = {
      weightChanges: (edge, before) => {
        for (const view of this.#views) view.rememberWeight(adjacency, edge, before);
      },
      nodeChanges: (node, wasThere) => {
        for (const view of this.#views) view.rememberNode(adjacency, node, wasThere);
      },
    };
    switch (change.type) {
      case 'addNode':
        return adjacency.addNode(change.id, listener);
      case 'deleteNode':
        return adjacency.deleteNode(change.id, listener);
      case 'addEdge':
        return adjacency.put(change, listener);
      case 'deleteEdge':
        return adjacency.deleteEdge(change, listener);
    }
  }
}
