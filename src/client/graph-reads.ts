/** Questions to the graph of the memories. */
import type {
  Direction,
  KHops,
  Neighbours,
  Parameters,
  Path,
  QueryResult,
  Traversal,
} from '../memory/index.js';
import * as answers from './answers.js';
import { GRAPH_ATTEMPT_FACTOR } from './limits.js';
import type { AnswerSchema } from './answers.js';
import type { Read, ReadOptions, Served } from './swarm-client.js';

/** Which edges count. The members check all of it. */
export interface Walk {
  /** Along the edges (`out`, the default), against them, or both. */
  readonly direction?: Direction;
  /** Only edges of these relations. */
  readonly relations?: readonly string[];
}

export interface LimitedWalk extends Walk {
  /** 1 to 10,000; 100 when left out. */
  readonly limit?: number;
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
  ): Promise<Read & Neighbours> {
    return this.#read(answers.neighboursSchema, 'memory.neighbours', { id, ...walk }, options);
  }

  /** The memories within so many hops, 1 to 64, 2 when left out. */
  async hops(
    id: string,
    walk: LimitedWalk & { readonly hops?: number } = {},
    options: ReadOptions = {},
  ): Promise<Read & KHops> {
    return this.#read(answers.hopsSchema, 'memory.hops', { id, ...walk }, options);
  }

  /** A path with the fewest edges, or the least cost -ln(weight); null if there is none. */
  async path(
    from: string,
    to: string,
    walk: Walk & { readonly hops?: number; readonly weighted?: boolean } = {},
    options: ReadOptions = {},
  ): Promise<Read & { path: Path | null }> {
    return this.#read(answers.pathSchema, 'memory.path', { from, to, ...walk }, options);
  }

  /** The memories with the best products of weights and decay. */
  async traverse(
    id: string,
    walk: LimitedWalk & { readonly decay?: number; readonly scoreMin?: number } = {},
    options: ReadOptions = {},
  ): Promise<Read & Traversal> {
    return this.#read(answers.traversalSchema, 'memory.traverse', { id, ...walk }, options);
  }

  /** A pattern query in the subset of openCypher that docs/graph.md describes. */
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
