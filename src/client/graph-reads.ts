/** Questions to the graph of the memories. */
import type { Direction, Neighbours, Parameters, Path, QueryResult } from '../memory/index.js';
import * as answers from './answers.js';
import { GRAPH_ATTEMPT_FACTOR } from './limits.js';
import type { AnswerSchema } from './answers.js';
import { keyOf, keysOf, named, namedEdge, nameOf } from './names.js';
import type { InNamespace, MemoryName, NamedEdge } from './names.js';
import type { Read, ReadOptions, Served } from './swarm-client.js';

/** Which edges count. The members check all of it. */
export interface Walk extends InNamespace {
  /** Along the edges (`out`, the default), against them, or both. */
  readonly direction?: Direction;
  /** Only edges of these relations. */
  readonly relations?: readonly string[];
}

export interface LimitedWalk extends Walk {
  /** 1 to 10,000; 100 when left out. */
  readonly limit?: number;
}

export type Neighbour = Neighbours['neighbours'][number] & MemoryName;

export interface NamedPath extends Pick<Path, 'cost'> {
  /** The memories on the way, both ends included. */
  readonly memories: readonly MemoryName[];
  /** Their ids alone. */
  readonly ids: readonly string[];
  readonly edges: readonly NamedEdge[];
}

/** What was found within reach. */
interface Reached<T> {
  readonly nodes: (T & MemoryName)[];
  readonly isCut: boolean;
}

/** Sends one question; see `SwarmClient`. */
type Ask = <T>(
  schema: AnswerSchema<T>,
  method: string,
  payload: object,
  options: ReadOptions,
  factor: number,
) => Promise<T & Served>;

/**
 * Reads of the graph, `client.graph`. As with `get`, an answer shows every write that was acknowledged
 * before the question, unless `consistency` is `local`. Refusals have the reasons `unknown-memory`,
 * `syntax`, `unsupported`, `invalid` and `limit`.
 */
export class GraphReads {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** The edges of a memory: by id of the other end, then relation. */
  async neighbours(
    id: string,
    walk: LimitedWalk = {},
    options: ReadOptions = {},
  ): Promise<Read & { neighbours: Neighbour[]; isCut: boolean }> {
    const question = fromMemory(id, walk);
    const schema = answers.neighboursSchema;
    const answer = await this.#read(schema, 'memory.neighbours', question, options);
    return { ...answer, neighbours: answer.neighbours.map(named) };
  }

  /** The memories within so many hops, 1 to 64, 2 when left out. */
  async hops(
    id: string,
    walk: LimitedWalk & { readonly hops?: number } = {},
    options: ReadOptions = {},
  ): Promise<Read & Reached<{ hops: number }>> {
    const question = fromMemory(id, walk);
    const answer = await this.#read(answers.hopsSchema, 'memory.hops', question, options);
    return { ...answer, nodes: answer.nodes.map(named) };
  }

  /** A path with the fewest edges, or the least cost -ln(weight); null if there is none. */
  async path(
    from: string,
    to: string,
    walk: Walk & {
      readonly hops?: number;
      readonly weighted?: boolean;
      /** Of the memory at the end; that of the first one when left out. */
      readonly toNamespace?: string | undefined;
    } = {},
    options: ReadOptions = {},
  ): Promise<Read & { path: NamedPath | null }> {
    const { namespace, toNamespace, ...more } = walk;
    const question = { ...keysOf({ from, to, namespace, toNamespace }), ...more };
    const answer = await this.#read(answers.pathSchema, 'memory.path', question, options);
    const { path } = answer;
    if (path === null) return { ...answer, path };
    const memories = path.ids.map(nameOf);
    const ids = memories.map((memory) => memory.id);
    return { ...answer, path: { ...path, memories, ids, edges: path.edges.map(namedEdge) } };
  }

  /** The memories with the best products of weights and decay. */
  async traverse(
    id: string,
    walk: LimitedWalk & { readonly decay?: number; readonly scoreMin?: number } = {},
    options: ReadOptions = {},
  ): Promise<Read & Reached<{ score: number; hops: number }>> {
    const question = fromMemory(id, walk);
    const answer = await this.#read(answers.traversalSchema, 'memory.traverse', question, options);
    return { ...answer, nodes: answer.nodes.map(named) };
  }

  /**
   * A pattern query in the subset of openCypher that docs/graph.md describes. Ids of namespaces other than
   * `default` are keys there (`memoryKey` of `agentic-flow/memory`).
   */
  async query(
    text: string,
    parameters: Parameters = {},
    options: ReadOptions = {},
  ): Promise<Read & QueryResult> {
    return this.#read(answers.querySchema, 'memory.query', { text, parameters }, options);
  }

  #read<T>(
    schema: AnswerSchema<T>,
    method: string,
    question: object,
    options: ReadOptions,
  ): Promise<T & Served> {
    const payload = { ...question, consistency: options.consistency ?? 'linearizable' };
    return this.#ask(schema, method, payload, options, GRAPH_ATTEMPT_FACTOR);
  }
}

function fromMemory<T extends Walk>(id: string, { namespace, ...walk }: T): object {
  return { id: keyOf(id, { namespace }), ...walk };
}
