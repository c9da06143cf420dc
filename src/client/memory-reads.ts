/** Reads of memories: by id, along edges, by meaning, and page by page. */
import type { RerankMethod, RerankOptions, SearchQuery, TimeRange } from '../memory/engine.js';
import { DEFAULT_NAMESPACE } from '../memory/memory-key.js';
import * as answers from './answers.js';
import type { AnswerSchema } from './answers.js';
import { ClientError } from './errors.js';
import { EMBEDDING_ATTEMPT_FACTOR, LISTED_MAX, SEARCH_LIMIT_MAX } from './limits.js';
import { keyOf, named, namedEdge, namedMemory, nameOf } from './names.js';
import type { InNamespace, KeyedMemory, NamedEdge, NamedHit, NamedMemory } from './names.js';
import type { Request } from './requests.js';
import type { Read, ReadOptions, Served } from './swarm-client.js';

/** A search as a client asks it: the member embeds the text. See `SearchQuery` of `agentic-flow/memory`. */
export interface ClientSearch extends Omit<
  SearchQuery,
  'vector' | 'limit' | 'rerank' | 'namespace'
> {
  /** 1 to 1,000; 10 when left out. */
  readonly limit?: number;
  /** `default` when left out; null: all of them. */
  readonly namespace?: string | null | undefined;
  /** Without trained weights, which nodes do not have. */
  readonly rerank?: RerankMethod | Omit<RerankOptions, 'weights'> | undefined;
}

export interface ClientList {
  /** `default` when left out; null: all of them. */
  readonly namespace?: string | null | undefined;
  /** Only memories of this time. */
  readonly created?: TimeRange | undefined;
  /** 1 to 1,000; 100 when left out. */
  readonly limit?: number | undefined;
  /** Goes on where the page before ended. */
  readonly cursor?: string | null | undefined;
}

/** Sends one question; see `SwarmClient`. */
type Ask = <T>(
  schema: AnswerSchema<T>,
  method: string,
  payload: unknown,
  options: ReadOptions & Pick<Request, 'prefersLeader'>,
  factor?: number,
) => Promise<T & Served>;

export class MemoryReads {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async get(
    id: string,
    options: ReadOptions & InNamespace,
  ): Promise<Read & { memory: NamedMemory | null }> {
    const answer = await this.#byId(answers.getSchema, 'memory.get', id, options);
    const { memory } = answer;
    return { ...answer, memory: memory === null ? null : namedMemory(memory) };
  }

  async edges(
    id: string,
    options: ReadOptions & InNamespace,
  ): Promise<Read & { edges: NamedEdge[] }> {
    const answer = await this.#byId(answers.edgesSchema, 'memory.edges', id, options);
    return { ...answer, edges: answer.edges.map(namedEdge) };
  }

  async search(query: ClientSearch, options: ReadOptions): Promise<Read & { hits: NamedHit[] }> {
    const { text, limit = 10, namespace = DEFAULT_NAMESPACE, ...more } = query;
    if (!Number.isInteger(limit) || limit < 1 || limit > SEARCH_LIMIT_MAX) {
      throw new ClientError('invalid', `limit must be 1 to ${SEARCH_LIMIT_MAX}, not ${limit}`);
    }
    const asked = Object.entries({ ...more, ...within(namespace) }).filter(
      ([, value]) => value !== undefined,
    );
    const consistency = options.consistency ?? 'linearizable';
    const payload = { ...Object.fromEntries(asked), text, limit, consistency };
    const factor = EMBEDDING_ATTEMPT_FACTOR;
    const answer = await this.#ask(answers.searchSchema, 'memory.search', payload, options, factor);
    const { understood, hits, ...found } = answer;
    const isOfDefault = hits.every(({ id }) => nameOf(id).namespace === DEFAULT_NAMESPACE);
    const unknown = asked.find(([key]) => {
      // A release that knows no namespaces has searched all; where nothing else was found that is the same.
      const isMet = key === 'namespace' && namespace === DEFAULT_NAMESPACE && isOfDefault;
      return !understood.includes(key) && !isMet;
    });
    if (unknown === undefined) return { ...found, hits: hits.map(named) };
    const sentence = `${answer.servedBy} runs a release that knows no ${unknown[0]} of a search; upgrade it`;
    throw new ClientError('refused', sentence, { reason: 'release-too-old' });
  }

  /** Asks until the page is full: a member reads a bounded number of memories at a time. */
  async list(
    query: ClientList,
    options: ReadOptions,
  ): Promise<Read & { memories: NamedMemory[]; cursor: string | null }> {
    const { namespace = DEFAULT_NAMESPACE, created, limit = 100, cursor = null } = query;
    if (!Number.isInteger(limit) || limit < 1 || limit > LISTED_MAX) {
      throw new ClientError('invalid', `limit must be 1 to ${LISTED_MAX}, not ${limit}`);
    }
    const consistency = options.consistency ?? 'linearizable';
    const memories: KeyedMemory[] = [];
    let after = cursor === null ? null : afterOf(cursor);
    for (let first: (Read & Served) | undefined; ;) {
      const payload = {
        ...within(namespace),
        ...(created === undefined ? {} : { created }),
        ...(after === null ? {} : { after }),
        limit: limit - memories.length,
        consistency,
      };
      const page = await this.#ask(answers.listSchema, 'memory.list', payload, options);
      const { appliedIndex, servedBy } = page;
      first ??= { appliedIndex, servedBy };
      memories.push(...page.memories);
      after = page.next;
      if (after !== null && memories.length < limit) continue;
      return { ...first, memories: memories.map(namedMemory), cursor: cursorOf(after) };
    }
  }

  /** The leader answers a linearizable read with one round less than a follower. */
  #byId<T>(
    schema: AnswerSchema<T>,
    method: string,
    id: string,
    { namespace, ...options }: ReadOptions & InNamespace,
  ): Promise<T & Served> {
    const consistency = options.consistency ?? 'linearizable';
    const prefersLeader = consistency === 'linearizable';
    const payload = { id: keyOf(id, { namespace }), consistency };
    return this.#ask(schema, method, payload, { ...options, prefersLeader });
  }
}

function within(namespace: string | null): { readonly namespace?: string } {
  if (namespace === null) return {};
  // It is no name of a memory, but is checked as one is.
  keyOf('any', { namespace });
  return { namespace };
}

function cursorOf(after: string | null): string | null {
  return after === null ? null : Buffer.from(after).toString('base64url');
}

function afterOf(cursor: string): string {
  const after = Buffer.from(cursor, 'base64url').toString();
  if (cursorOf(after) === cursor && after !== '') return after;
  throw new ClientError('invalid', 'the cursor is none of a list');
}
