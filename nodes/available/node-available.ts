/**
 * Memories that are written in every partition: each member holds all of them, takes writes alone, and
 * what was written on both sides of a cut comes together when they meet. What is in conflict is shown.
 *
 *   put, delete --> replica --fdatasync--> answer, and to the other members
 *                      |
 *                      +--> index of searches
 *
 * Once a second each member tells some of the others what it has, so that whatever was lost is found.
 */
import type { JsonObject, ModelVector } from '../../src/memory/engine.js';
import { embeddingText, parseMemoryKey } from '../../src/memory/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { CallContext, Handler, Handlers } from '../../transport/rpc/rpc.js';
import { NodeError, messageOf } from '../errors.js';
import type { SwarmNode } from '../node.js';
import { othersOf } from '../remembered-members.js';
import type { Access } from '../service/access.js';
import { guarded } from '../service/handlers.js';
import { parseRequest } from '../service/requests.js';
import { embed } from '../service/services.js';
import { AvailableIndex } from './available-index.js';
import { COMPARE_INTERVAL_MS, LISTED_BYTES_MAX } from './limits.js';
import { NamespaceFileError } from './namespace-file.js';
import { Namespaces } from './namespaces.js';
import { Outbox } from './outbox.js';
import { Pieces } from './pieces.js';
import { requests } from './requests.js';
import type { StoredValue } from './stored-value.js';

interface Swarm {
  readonly node: SwarmNode;
  readonly outbox: Outbox;
}

export class NodeAvailable {
  readonly #log: (message: string) => void;
  readonly #directory: string;
  readonly #pieces = new Pieces();
  #namespaces!: Namespaces;
  #index: AvailableIndex | undefined;
  #swarm: Swarm | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(directory: string, log: (message: string) => void) {
    this.#directory = directory;
    this.#log = log;
  }

  /** Opens the namespaces below a folder. Throws `NodeError` `directory`. */
  static async open(
    directory: string,
    nodeId: number,
    log: (message: string) => void,
  ): Promise<NodeAvailable> {
    const available = new NodeAvailable(directory, log);
    available.#namespaces = await Namespaces.open(directory, {
      nodeId,
      send: (to, namespace, bytes) => available.#swarm?.outbox.send(to, { namespace, bytes }),
      changed: (namespace, ids) => available.#index?.changed(namespace, ids),
      log,
    });
    return available;
  }

  /**
   * Begins to keep the namespaces the same as those of the other members, and to index them: not before
   * it is known that the node can start. Throws `NodeError` `directory`.
   */
  begin(node: SwarmNode): void {
    const namespaces = this.#namespaces;
    try {
      this.#index = new AvailableIndex(this.#directory, {
        ids: (namespace) => namespaces.get(namespace)?.ids ?? [],
        value: (namespace, id) => namespaces.get(namespace)?.values(id)[0],
      });
    } catch (error) {
      const sentence = `the index of available namespaces cannot be made: ${messageOf(error)}`;
      throw new NodeError('directory', sentence, error);
    }
    for (const name of namespaces.names) this.#index.changed(name, null);
    const outbox = new Outbox({ call: (...question) => node.peers.call(...question) });
    this.#swarm = { node, outbox };
    this.#timer = setInterval(() => this.#compare(), COMPARE_INTERVAL_MS);
  }

  /** Resolves when everything that was acknowledged is written and the files are closed. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#swarm = undefined;
    await this.#namespaces.close();
    await this.#index?.close();
  }

  handlers(access: Access): Handlers {
    const forClients = (handler: Handler): Handler =>
      guarded(async (payload, context) => {
        access.requireClient(context.connection);
        try {
          return await handler(payload, context);
        } catch (error) {
          // Another member has another disk.
          if (!(error instanceof NamespaceFileError)) throw error;
          throw new RpcError('unavailable', error.message);
        }
      });
    const forMembers = (handler: Handler): Handler =>
      guarded((payload, context) => {
        access.requireMember(context.connection);
        return handler(payload, context);
      });
    return {
      'available.put': forClients((payload, context) => this.#put(payload, context)),
      'available.delete': forClients(async (payload) => {
        const { namespace, id } = parseRequest(requests.named, payload);
        // What no member has heard of is not made by a delete.
        if (this.#namespaces.get(namespace) === undefined) return { existed: false };
        return { existed: await (await this.#namespaces.use(namespace)).delete(id) };
      }),
      'available.get': forClients((payload) => {
        const { namespace, id } = parseRequest(requests.named, payload);
        return { values: this.#values(namespace, id).map(shown) };
      }),
      'available.list': forClients((payload) => this.#list(payload)),
      'available.search': forClients((payload) => this.#search(payload)),
      'available.namespaces': forClients((payload) => {
        parseRequest(requests.nothing, payload);
        const namespaces = this.#namespaces.names.map((name) => {
          return { name, memories: this.#namespaces.get(name)?.ids.length ?? 0 };
        });
        return { namespaces: namespaces.filter(({ memories }) => memories > 0) };
      }),
      'available.messages': forMembers(async (payload, { connection }) => {
        const { messages } = parseRequest(requests.messages, payload);
        const from = this.#memberOf(connection.peerId);
        for (const { namespace, bytes } of messages) await this.#receive(from, namespace, bytes);
        return null;
      }),
      'available.piece': forMembers(async (payload, { connection }) => {
        const piece = parseRequest(requests.piece, payload);
        const from = this.#memberOf(connection.peerId);
        const whole = this.#pieces.take(from, piece);
        if (whole !== undefined) await this.#receive(from, piece.namespace, whole);
        return null;
      }),
    };
  }

  async #put(payload: unknown, { connection }: CallContext): Promise<object> {
    const { namespace, id, content, metadata } = parseRequest(requests.put, payload);
    const vector = await this.#embed(content, metadata);
    const { peerId: by } = connection;
    const value = { content, metadata, vector, by, atMs: Date.now() };
    await (await this.#namespaces.use(namespace)).put(id, value);
    return {};
  }

  #list(payload: unknown): object {
    const { namespace, after, limit } = parseRequest(requests.list, payload);
    const ids = this.#namespaces.get(namespace)?.ids ?? [];
    const start = firstBehind(ids, after);
    const memories: { id: string; values: object[] }[] = [];
    let bytes = 0;
    for (let at = start; at < ids.length && memories.length < limit; at += 1) {
      const id = ids[at] ?? '';
      const values = this.#values(namespace, id);
      bytes += values.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
      if (bytes > LISTED_BYTES_MAX && memories.length > 0) break;
      memories.push({ id, values: values.map(shown) });
    }
    const isAll = start + memories.length >= ids.length;
    return { memories, next: isAll ? null : (memories.at(-1)?.id ?? null) };
  }

  async #search(payload: unknown): Promise<object> {
    const query = parseRequest(requests.search, payload);
    const vector = query.mode === 'text' ? null : await this.#embed(query.text, {});
    const hits = (await this.#index?.search({ ...query, vector })) ?? [];
    return {
      hits: hits.map((hit) => {
        const id = parseMemoryKey(hit.id)?.id ?? hit.id;
        const conflicts = Math.max(0, this.#values(query.namespace, id).length - 1);
        return { ...hit, id, conflicts };
      }),
    };
  }

  #values(namespace: string, id: string): StoredValue[] {
    return this.#namespaces.get(namespace)?.values(id) ?? [];
  }

  async #receive(from: number, name: string, bytes: Uint8Array): Promise<void> {
    // It is being sent a whole state, which would be encoded anew for each question; it asks again.
    if (this.#swarm?.outbox.isSendingPieces(from) === true) return;
    const namespace = await this.#namespaces.use(name);
    namespace.receive(from, bytes);
    // It has found that its file was set back: under another name it goes on at once.
    if (namespace.mustRename) await this.#namespaces.use(name);
  }

  #memberOf(peerId: string): number {
    const from = this.#swarm?.node.memberIdOf(peerId);
    if (from !== undefined) return from;
    throw new RpcError('unavailable', 'this node begins or stops');
  }

  #compare(): void {
    const { node, outbox } = this.#swarm ?? {};
    if (node === undefined || outbox === undefined) return;
    const others = new Set(othersOf(node).keys());
    outbox.keep(others);
    this.#pieces.keep(others);
    const ordered = [...others].sort((a, b) => a - b);
    for (const name of this.#namespaces.names) {
      const namespace = this.#namespaces.get(name);
      if (namespace?.isUsable === true) namespace.compare(ordered);
      else this.#namespaces.use(name).catch((error: unknown) => this.#log(messageOf(error)));
    }
  }

  /** Without a vector it is found by its words alone: no reason to refuse a write. */
  async #embed(content: string, metadata: JsonObject): Promise<ModelVector | null> {
    const node = this.#swarm?.node;
    if (node === undefined) return null;
    try {
      return await embed(node, embeddingText(content, metadata));
    } catch (error) {
      this.#log(`a memory of an available namespace has no vector: ${messageOf(error)}`);
      return null;
    }
  }
}

/** A value as a client sees it. */
function shown({ content, metadata, by, atMs }: StoredValue): Omit<StoredValue, 'vector'> {
  return { content, metadata, by, atMs };
}

/** Where in an ordered list the first text behind `after` stands. */
function firstBehind(ordered: readonly string[], after: string): number {
  let [low, high] = [0, ordered.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ordered[middle] ?? '') <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
