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
import type { z } from 'zod';

import type { StateCut } from '../../consensus/crdt/index.js';
import type { JsonObject, ModelVector } from '../../src/memory/engine.js';
import { embeddingText, parseMemoryKey } from '../../src/memory/index.js';
import { RpcError, isUnknownMethod } from '../../transport/rpc/rpc.js';
import type { CallContext, Handler, Handlers } from '../../transport/rpc/rpc.js';
import { NodeError, messageOf } from '../errors.js';
import type { SwarmNode } from '../node.js';
import { othersOf } from '../remembered-members.js';
import type { Access } from '../service/access.js';
import { guarded } from '../service/handlers.js';
import { parseRequest } from '../service/requests.js';
import { embed } from '../service/services.js';
import { AvailableIndex } from './available-index.js';
import { Exchange } from './exchange.js';
import { Exports } from './exports.js';
import { ASK_TIMEOUT_MS, COMPARE_INTERVAL_MS, LISTED_BYTES_MAX, PIECE_BYTES } from './limits.js';
import { NamespaceFileError } from './namespace-file.js';
import { isAllowed, notAllowed, rightsOf } from './namespace-rights.js';
import type { Right } from './namespace-rights.js';
import { Namespaces } from './namespaces.js';
import type { OutboxPorts } from './outbox.js';
import { requests } from './requests.js';
import type { StoredValue } from './stored-value.js';

/** What a client wants to be kept. */
type Memory = z.infer<typeof requests.put> & { readonly expiresAtMs?: number };

interface Swarm {
  readonly node: SwarmNode;
  readonly exchange: Exchange;
}

export class NodeAvailable {
  readonly #log: (message: string) => void;
  readonly #directory: string;
  readonly #exports = new Exports();
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
      send: (to, namespace, bytes) =>
        available.#swarm?.exchange.outbox.send(to, { namespace, bytes }),
      sendState: (to, namespace, cut) => {
        const exchange = available.#swarm?.exchange;
        if (exchange === undefined) cut.abandon();
        else exchange.outbox.sendState(to, namespace, cut);
      },
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
    this.#swarm = { node, exchange: new Exchange(exchangePorts(node)) };
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
      guardedBy((by) => access.requireClient(by), handler);
    const forOperators = (handler: Handler): Handler =>
      guardedBy((by) => access.requireOperator(by), handler);
    const forMembers = (handler: Handler): Handler =>
      guarded((payload, context) => {
        access.requireMember(context.connection);
        return handler(payload, context);
      });
    const may = (right: Right, name: string, { connection }: CallContext): boolean => {
      // Who sets the rights is not bound by them.
      if (access.isOperator(connection)) return true;
      return isAllowed(right, rightsOf(this.#namespaces.get(name)), connection.peerId);
    };
    const require = (right: Right, name: string, context: CallContext): void => {
      if (!may(right, name, context)) throw notAllowed(right, name, context.connection.peerId);
    };
    return {
      'available.put': forClients((payload, context) => {
        const memory = parseRequest(requests.put, payload);
        require('write', memory.namespace, context);
        return this.#put(memory, context);
      }),
      'available.putExpiring': forClients((payload, context) => {
        const memory = parseRequest(requests.putExpiring, payload);
        require('write', memory.namespace, context);
        return this.#put(memory, context);
      }),
      'available.delete': forClients(async (payload, context) => {
        const { namespace, id } = parseRequest(requests.named, payload);
        require('write', namespace, context);
        // What no member has heard of is not made by a delete.
        if (this.#namespaces.get(namespace) === undefined) return { existed: false };
        return { existed: await (await this.#namespaces.use(namespace)).delete(id) };
      }),
      'available.get': forClients((payload, context) => {
        const { namespace, id } = parseRequest(requests.named, payload);
        require('read', namespace, context);
        return { values: this.#values(namespace, id).map(shown) };
      }),
      'available.list': forClients((payload, context) => {
        const page = parseRequest(requests.list, payload);
        require('read', page.namespace, context);
        return this.#list(page);
      }),
      'available.search': forClients((payload, context) => {
        const query = parseRequest(requests.search, payload);
        require('read', query.namespace, context);
        return this.#search(query);
      }),
      'available.namespaces': forClients((payload, context) => {
        parseRequest(requests.nothing, payload);
        const readable = this.#namespaces.names.filter((name) => may('read', name, context));
        const namespaces = readable.map((name) => {
          return { name, memories: this.#namespaces.get(name)?.memories ?? 0 };
        });
        return { namespaces: namespaces.filter(({ memories }) => memories > 0) };
      }),
      'available.rights': forClients((payload) => {
        const { namespace } = parseRequest(requests.whole, payload);
        return { rights: rightsOf(this.#namespaces.get(namespace)) };
      }),
      'available.setRights': forOperators(async (payload, { connection }) => {
        const { namespace, readers, writers } = parseRequest(requests.setRights, payload);
        const rights = { readers, writers, by: connection.peerId };
        await (await this.#namespaces.use(namespace)).setRights(rights);
        return { rights };
      }),
      'available.exportable': forOperators((payload) => {
        parseRequest(requests.nothing, payload);
        return { names: this.#namespaces.allNames };
      }),
      'available.export': forOperators((payload, { connection }) => {
        const piece = parseRequest(requests.export, payload);
        return this.#exports.read(connection, piece, () => this.#exported(piece.namespace));
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
        const whole = this.#swarm?.exchange.take(from, piece);
        if (whole !== undefined) await this.#receive(from, piece.namespace, whole);
        return null;
      }),
    };
  }

  async #put(
    { namespace, id, content, metadata, expiresAtMs }: Memory,
    { connection }: CallContext,
  ): Promise<object> {
    const vector = await this.#embed(content, metadata);
    const { peerId: by } = connection;
    const value = { content, metadata, vector, by, atMs: Date.now(), expiresAtMs };
    await (await this.#namespaces.use(namespace)).put(id, value);
    return {};
  }

  #list({ namespace, after, limit }: z.infer<typeof requests.list>): object {
    const ids = this.#namespaces.get(namespace)?.ids ?? [];
    const memories: { id: string; values: object[] }[] = [];
    let bytes = 0;
    let at = firstBehind(ids, after);
    for (; at < ids.length && memories.length < limit; at += 1) {
      const id = ids[at] ?? '';
      const values = this.#values(namespace, id);
      if (values.length === 0) continue;
      bytes += values.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
      if (bytes > LISTED_BYTES_MAX && memories.length > 0) break;
      memories.push({ id, values: values.map(shown) });
    }
    return { memories, next: at >= ids.length ? null : (memories.at(-1)?.id ?? null) };
  }

  async #search(query: z.infer<typeof requests.search>): Promise<object> {
    const vector = query.mode === 'text' ? null : await this.#embed(query.text, {});
    this.#namespaces.get(query.namespace)?.tellExpired();
    const hits = (await this.#index?.search({ ...query, vector })) ?? [];
    return {
      hits: hits.flatMap((hit) => {
        const id = parseMemoryKey(hit.id)?.id ?? hit.id;
        const { length } = this.#values(query.namespace, id);
        return length === 0 ? [] : [{ ...hit, id, conflicts: length - 1 }];
      }),
    };
  }

  #values(namespace: string, id: string): StoredValue[] {
    return this.#namespaces.get(namespace)?.values(id) ?? [];
  }

  async #exported(name: string): Promise<StateCut> {
    // A backup makes no namespace.
    if (this.#namespaces.get(name) !== undefined)
      return (await this.#namespaces.use(name)).exported();
    throw new RpcError('refused', `there is no available namespace ${name} here`);
  }

  async #receive(from: number, name: string, bytes: Uint8Array): Promise<void> {
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
    if (this.#swarm === undefined) return;
    const { node, exchange } = this.#swarm;
    const open = this.#namespaces.names.flatMap((name) => this.#namespaces.get(name) ?? []);
    for (const { name } of exchange.compare(othersOf(node).keys(), open)) {
      this.#namespaces.use(name).catch((error: unknown) => this.#log(messageOf(error)));
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

function exchangePorts(node: SwarmNode): OutboxPorts {
  return {
    pieceBytes: PIECE_BYTES,
    call: (to, method, payload, end) => {
      node.peers.call(to, method, payload, ASK_TIMEOUT_MS).then(
        () => end('answered'),
        (error: unknown) => end(isUnknownMethod(error) ? 'unknown-method' : 'failed'),
      );
    },
    monotonicMs: () => performance.now(),
    soon: (work) => void setImmediate(work),
  };
}

/** A handler for those whom `require` lets through; a disk that fails says that another member may do it. */
function guardedBy(require: (by: CallContext['connection']) => void, handler: Handler): Handler {
  return guarded(async (payload, context) => {
    require(context.connection);
    try {
      return await handler(payload, context);
    } catch (error) {
      // Another member has another disk.
      if (!(error instanceof NamespaceFileError)) throw error;
      throw new RpcError('unavailable', error.message);
    }
  });
}

/** A value as a client sees it. */
function shown({ content, metadata, by, atMs, expiresAtMs }: StoredValue): object {
  const expiry = expiresAtMs === undefined ? {} : { expiresAtMs };
  return { content, metadata, by, atMs, ...expiry };
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
