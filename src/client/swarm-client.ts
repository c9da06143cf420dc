import { strict as assert } from 'node:assert';

import { createIdentity } from '../../transport/identity/index.js';
import type { Identity } from '../../transport/identity/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import type { PeerAddress, RpcEndpoint } from '../../transport/rpc/rpc.js';
import type { Edge, EngineVersion, JsonObject, MemoryCounts } from '../memory/engine.js';
import * as answers from './answers.js';
import type { AnswerSchema, Member, SwarmHealth, SwarmStatus } from './answers.js';
import { parseAnswer } from './answers.js';
import { Available } from './available.js';
import { Documents } from './documents.js';
import { ClientError, messageOf } from './errors.js';
import { CLOSE_SESSIONS_MS, EMBEDDING_ATTEMPT_FACTOR, ROLLOUT_ATTEMPT_FACTOR } from './limits.js';
import { GraphReads } from './graph-reads.js';
import { Links } from './links.js';
import { Membership } from './membership.js';
import { MemoryReads } from './memory-reads.js';
import type { ClientList, ClientSearch } from './memory-reads.js';
import { keyOf, keysOf } from './names.js';
import type { EdgeEnds, InNamespace, NamedEdge, NamedHit, NamedMemory } from './names.js';
import { checkSeeds, openLinks } from './open-links.js';
import type { Request, RequestOptions } from './requests.js';
import { perform } from './requests.js';
import type { Rollout, RolloutPlan } from './rollout-answers.js';
import { Rollouts } from './rollouts.js';
import type { RolloutRequest } from './rollouts.js';
import { SessionPool } from './sessions.js';
import type { OpenedSession } from './sessions.js';
import type { ClientSettings } from './settings.js';
import { DEFAULT_SETTINGS } from './settings.js';
import { Topics } from './topics.js';
import { write } from './write.js';

export interface ConnectOptions {
  /** Members to ask first; one that answers is enough, it names the others. */
  readonly seeds: readonly PeerAddress[];
  /** The client token of the swarm, or its operator token to steer it; null for a member, which is known by its identity. */
  readonly token: string | null;
  /** A fresh one when left out. */
  readonly identity?: Identity;
  /** An endpoint of the caller, who closes it; the client opens one of its own when left out. */
  readonly endpoint?: RpcEndpoint;
  readonly settings?: Partial<ClientSettings>;
}

/** `linearizable` sees every write that was answered before; `local` is what one member has. */
export type Consistency = 'linearizable' | 'local';

export interface ReadOptions extends RequestOptions {
  readonly consistency?: Consistency;
}

/** A memory to be inserted. */
export interface NewMemory extends InNamespace {
  /** 1 to 4,096 characters, together with the namespace. */
  readonly id: string;
  readonly content: string;
  readonly metadata?: JsonObject;
  /** Milliseconds since 1970 from which on the memory is gone; null or left out: never. */
  readonly expiresAt?: number | null | undefined;
}

/** Peer id of the member that answered. */
export interface Served {
  readonly servedBy: string;
}

/** Log index of the entry that carries the write. */
export interface Written extends Served {
  readonly index: number;
}

/** Log index up to which the member had applied when it read. */
export interface Read extends Served {
  readonly appliedIndex: number;
}

/**
 * A client of a swarm. Every request goes to one member and is repeated at others while that can
 * help, so that the death of a member or a change of leader makes requests slower and not fail; a
 * repeated write is applied once. All methods reject with `ClientError`.
 */
export class SwarmClient {
  /** Neighbours, paths, traversals and pattern queries. */
  readonly graph = new GraphReads((...question) => this.#ask(...question));
  /** Voters, and members that are drained, leave or are replaced. */
  readonly membership = new Membership((...question) => this.#ask(...question));
  /** Rolling upgrades. */
  readonly rollouts = new Rollouts({
    ask: (...question) => this.#ask(...question),
    change: (...change) => this.#change(...change),
  });
  readonly #reads = new MemoryReads((...question) => this.#ask(...question));
  /** Memories that are written in every partition. */
  readonly available = new Available((...question) => this.#ask(...question));
  /** Documents that several peers edit at the same time. */
  readonly documents: Documents;
  /** Messages to whoever listens, without a trace. */
  readonly topics: Topics;
  readonly #links: Links;
  readonly #sessions = new SessionPool({ keep: (session) => this.#keep(session) });
  readonly #endpoint: RpcEndpoint | undefined;
  readonly #running = new Set<AbortController>();
  #closed = false;

  private constructor(links: Links, endpoint: RpcEndpoint | undefined) {
    this.#links = links;
    this.documents = new Documents(links, (...question) => this.#ask(...question));
    this.topics = new Topics(links, (...question) => this.#ask(...question));
    this.#endpoint = endpoint;
  }

  /**
   * Connects to a swarm and to all of its members. Rejects with `no-seed-reachable`,
   * `permission-denied` or `unexpected-identity`, each seed listed with its reason.
   */
  static async connect(options: ConnectOptions): Promise<SwarmClient> {
    checkSeeds(options?.seeds);
    const settings = { ...DEFAULT_SETTINGS, ...options.settings };
    const owned = options.endpoint === undefined ? await openEndpoint(options) : undefined;
    const endpoint = options.endpoint ?? owned;
    assert(endpoint !== undefined, 'an endpoint that was not given has been opened');
    const links = new Links(endpoint, options.token, settings);
    const client = new SwarmClient(links, owned);
    try {
      await openLinks(links, options.seeds);
    } catch (error) {
      await client.close();
      throw error;
    }
    return client;
  }

  get swarmId(): string {
    return this.#links.swarmId ?? '';
  }

  /** The members of the swarm, as heard within the last heartbeat. */
  get members(): readonly Member[] {
    return this.#links.members;
  }

  /** Peer ids of the members that a connection stands to. */
  get connected(): readonly string[] {
    return [...this.#links.links()]
      .filter((link) => link.connection !== undefined)
      .map((link) => link.peerId);
  }

  /**
   * Inserts a memory, or replaces the one with the same id. The member that is asked embeds it, so
   * that inserts take turns over the members.
   */
  async insert(memory: NewMemory, options: RequestOptions = {}): Promise<Written> {
    const { id, content, metadata = {}, expiresAt = null } = memory;
    const factor = EMBEDDING_ATTEMPT_FACTOR;
    const body = { id: keyOf(id, memory), content, metadata };
    if (expiresAt === null) return this.#write('memory.insert', body, options, factor);
    const expiring = { ...body, expiresAtMs: expiresAt };
    return this.#write('memory.insertExpiring', expiring, options, factor);
  }

  /** Adds an edge, or replaces its weight; refused with reason `missing-endpoint`. */
  async addEdge(
    edge: EdgeEnds & Pick<Edge, 'relation' | 'weight'>,
    options: RequestOptions = {},
  ): Promise<Written> {
    const { relation, weight } = edge;
    const body = { ...keysOf(edge), relation, weight };
    return this.#write('memory.addEdge', body, { ...options, prefersLeader: true }, 1);
  }

  /** Deletes a memory and all its edges; refused with reason `not-found` if there is none. */
  async delete(id: string, options: RequestOptions & InNamespace = {}): Promise<Written> {
    const { namespace, ...rest } = options;
    const body = { id: keyOf(id, { namespace }) };
    return this.#write('memory.delete', body, { ...rest, prefersLeader: true }, 1);
  }

  /** Deletes one edge; refused with reason `not-found` if there is none. */
  async deleteEdge(
    edge: EdgeEnds & Pick<Edge, 'relation'>,
    options: RequestOptions = {},
  ): Promise<Written> {
    const body = { ...keysOf(edge), relation: edge.relation };
    return this.#write('memory.deleteEdge', body, { ...options, prefersLeader: true }, 1);
  }

  async get(
    id: string,
    options: ReadOptions & InNamespace = {},
  ): Promise<Read & { memory: NamedMemory | null }> {
    return this.#reads.get(id, options);
  }

  /** The edges that leave a memory. */
  async edges(
    id: string,
    options: ReadOptions & InNamespace = {},
  ): Promise<Read & { edges: NamedEdge[] }> {
    return this.#reads.edges(id, options);
  }

  /** The memories nearest to a text, best first; `limit` 1 to 1,000, 10 when left out. */
  async search(
    query: ClientSearch,
    options: ReadOptions = {},
  ): Promise<Read & { hits: NamedHit[] }> {
    return this.#reads.search(query, options);
  }

  /**
   * Memories page by page; those of a namespace in the order of their ids. Pages are no view of one moment:
   * what is written meanwhile may or may not be in them.
   */
  async list(
    query: ClientList = {},
    options: ReadOptions = {},
  ): Promise<Read & { memories: NamedMemory[]; cursor: string | null }> {
    return this.#reads.list(query, options);
  }

  /** What the store of one member holds; `only` names the member. */
  async counts(
    options: RequestOptions = {},
  ): Promise<Read & { counts: MemoryCounts; engine: EngineVersion }> {
    return this.#ask(answers.localCountsSchema, 'memory.counts', {}, options);
  }

  async status(options: RequestOptions = {}): Promise<Served & SwarmStatus> {
    return this.#ask(answers.statusSchema, 'swarm.status', {}, options);
  }

  /** What each member measures of itself, and what the leader's watch over a rollout makes of it. */
  async health(options: RequestOptions = {}): Promise<Served & SwarmHealth> {
    const asked = { ...options, prefersLeader: true };
    return this.#ask(answers.healthSchema, 'swarm.health', {}, asked, ROLLOUT_ATTEMPT_FACTOR);
  }

  async planRollout(to: string, options: RolloutRequest = {}): Promise<Served & RolloutPlan> {
    return this.rollouts.plan(to, options);
  }

  /** Starts a rollout; with a digest only if the plan is still the one that was printed. */
  async startRollout(
    to: string,
    digest: string | undefined,
    options: RolloutRequest = {},
  ): Promise<Rollout> {
    return this.rollouts.start(to, digest, options);
  }

  /** Takes every node back; refused with reason `no-rollout` when none runs. */
  async abortRollout(options: RequestOptions = {}): Promise<Rollout> {
    return this.rollouts.abort(options);
  }

  /** The rollout that runs, or the last one. */
  async rolloutStatus(options: RequestOptions = {}): Promise<Rollout | null> {
    return (await this.rollouts.status(options)).rollout;
  }

  /** Takes the vote of a member that will not come back; refused while a rollout runs. */
  async removeMember(nodeId: number, options: RequestOptions = {}): Promise<void> {
    let uncertain = false;
    try {
      await this.#change(answers.removedSchema, 'swarm.remove', { nodeId }, options, () => {
        uncertain = true;
      });
    } catch (error) {
      // An attempt of unknown fate did it, perhaps through the very node that is gone now.
      const isGone = error instanceof ClientError && error.reason === 'unknown-member';
      if (!uncertain || !isGone) throw error;
    }
  }

  /** Closes every connection; requests that are under way reject with `closed`. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const request of this.#running) request.abort();
    this.topics.close();
    await this.documents.close();
    await Promise.all(this.#sessions.close().map((session) => this.#giveBack(session)));
    await this.#links.close();
    await this.#endpoint?.close(0);
  }

  /** A third of its time-out has passed without a write: says that the session is still wanted. */
  async #keep({ id }: OpenedSession): Promise<boolean> {
    const request = {
      ...this.#times({}, 1),
      method: 'memory.keepSession',
      payload: { session: id },
    };
    try {
      await this.#open({}, (signal) => perform({ ...request, signal }, this.#links));
      return true;
    } catch (error) {
      if (error instanceof ClientError && error.reason === 'session-unknown') return false;
      throw error;
    }
  }

  /** What is not given back expires, so nothing waits for long here. */
  async #giveBack({ id, timeoutMs }: OpenedSession): Promise<void> {
    if (timeoutMs === null) return;
    const method = 'memory.closeSession';
    const times = { attemptTimeoutMs: CLOSE_SESSIONS_MS, deadlineMs: CLOSE_SESSIONS_MS };
    await perform({ ...times, method, payload: { session: id } }, this.#links).catch(
      () => undefined,
    );
  }

  async #ask<T>(
    schema: Parameters<typeof parseAnswer<T>>[0],
    method: string,
    payload: unknown,
    options: RequestOptions & Pick<Request, 'prefersLeader' | 'judge'>,
    factor = 1,
  ): Promise<T & Served> {
    const answered = await this.#open(options, (signal) =>
      perform(
        { ...this.#times(options, factor), ...options, signal, method, payload },
        this.#links,
      ),
    );
    return { ...parseAnswer(schema, method, answered.answer), servedBy: answered.servedBy };
  }

  async #write(
    method: string,
    body: Readonly<Record<string, unknown>>,
    options: RequestOptions & Pick<Request, 'prefersLeader'>,
    factor: number,
  ): Promise<Written> {
    const written = await this.#open(options, (signal) =>
      write(
        { ...this.#times(options, factor), ...options, signal, method, body },
        this.#links,
        this.#sessions,
      ),
    );
    const { index } = parseAnswer(answers.writtenSchema, method, written.answer);
    return { index, servedBy: written.servedBy };
  }

  /** A change that has no session; `onUncertain` hears of each attempt that may have had its effect. */
  async #change<T>(
    schema: AnswerSchema<T>,
    method: string,
    payload: object,
    options: RequestOptions,
    onUncertain: () => void,
  ): Promise<T> {
    const onFailure = (_error: unknown, verdict: { readonly uncertain: boolean }): void => {
      if (verdict.uncertain) onUncertain();
    };
    const times = this.#times(options, ROLLOUT_ATTEMPT_FACTOR);
    const answered = await this.#open(options, (signal) =>
      perform({ ...times, ...options, signal, method, payload, onFailure }, this.#links),
    );
    return parseAnswer(schema, method, answered.answer);
  }

  #times(
    options: RequestOptions,
    factor: number,
  ): { readonly attemptTimeoutMs: number; readonly deadlineMs: number } {
    const { attemptTimeoutMs, deadlineMs } = this.#links.settings;
    return {
      attemptTimeoutMs: attemptTimeoutMs * factor,
      deadlineMs: options.deadlineMs ?? deadlineMs,
    };
  }

  /** Runs one request; `close` ends it, with an error that says so. */
  async #open<T>(options: RequestOptions, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#closed) throw closedError();
    // One controller a request: a signal shared by all would gather a listener for each.
    const request = new AbortController();
    this.#running.add(request);
    const signals = [request.signal, ...(options.signal === undefined ? [] : [options.signal])];
    try {
      return await run(signals.length === 1 ? request.signal : AbortSignal.any(signals));
    } catch (error) {
      throw this.#closed ? closedError() : error;
    } finally {
      this.#running.delete(request);
    }
  }
}

function closedError(): ClientError {
  return new ClientError('closed', 'the client was closed');
}

async function openEndpoint(options: ConnectOptions): Promise<RpcEndpoint> {
  const identity = options.identity ?? createIdentity();
  try {
    return await listenRpc({ identity, host: localHost(options.seeds[0]), port: 0, handlers: {} });
  } catch (error) {
    throw new ClientError('failed', `cannot open a UDP port: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Where to bind, so that the members can be reached: loopback for loopback, else everywhere. */
function localHost(seed: PeerAddress | undefined): string {
  const host = seed?.host ?? '';
  if (host === '::1') return '::1';
  if (host === 'localhost' || host.startsWith('127.')) return '127.0.0.1';
  return host.includes(':') ? '::' : '0.0.0.0';
}
