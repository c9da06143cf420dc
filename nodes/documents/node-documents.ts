/** The shared documents of a node: who may have them open, who has, and that all members have the same. */
import {
  DocumentStore,
  type NodeMessage,
  PeerScores,
  Presences,
  type SharedDocument,
  serveSession,
} from '../../src/documents/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { CallContext, Handler, Handlers, Methods } from '../../transport/rpc/rpc.js';
import type { SwarmNode } from '../node.js';
import { othersOf } from '../remembered-members.js';
import type { Access, Speaker } from '../service/access.js';
import { parseRequest } from '../service/requests.js';
import { NAMES_MAX } from './limits.js';
import { MemberPresence } from './member-presence.js';
import { MemberSync } from './member-sync.js';
import type { SyncPorts } from './member-sync.js';
import { asRpcError, requests } from './requests.js';

/** The state vector of an empty document. */
const NOTHING = Uint8Array.of(0);

export class NodeDocuments {
  readonly #store: DocumentStore;
  readonly #sync: MemberSync;
  readonly #scores = new PeerScores();
  readonly #presences = new Presences();
  readonly #presence = new MemberPresence(this.#presences);
  #node: SwarmNode | undefined;

  private constructor(store: DocumentStore) {
    this.#store = store;
    this.#sync = new MemberSync(store);
    store.onOpened = (document) => this.#sync.watch(document);
  }

  /** Opens the documents below a folder. Throws `DocumentError` `disk`. */
  static async open(directory: string, log: (message: string) => void): Promise<NodeDocuments> {
    return new NodeDocuments(await DocumentStore.open(directory, log));
  }

  /** Begins to keep the documents the same as those of the other members. */
  begin(node: SwarmNode, log: (message: string) => void): void {
    this.#node = node;
    const ports: SyncPorts = {
      others: () => othersOf(node).keys(),
      call: (...question) => node.peers.call(...question),
      log,
    };
    this.#sync.begin(ports);
    this.#presence.begin(ports);
  }

  /** Resolves when everything that was acknowledged is written and the files are closed. */
  async close(): Promise<void> {
    this.#presence.stop();
    await this.#sync.stop();
    await this.#store.close();
  }

  /** Calls that last: a document that is open. */
  methods(access: Access): Methods {
    return {
      'documents.open': {
        kind: 'duplex',
        handler: (messages, { connection }) => {
          access.requireClient(connection);
          return translated(this.serve(messages, connection, access));
        },
      },
    };
  }

  /** One open document, for somebody who may be here. The answers end with `DocumentError`. */
  serve(
    messages: AsyncIterable<unknown>,
    speaker: Speaker,
    access: Access,
  ): AsyncIterableIterator<NodeMessage> {
    const peer = { peerId: speaker.peerId, isOperator: access.isOperator(speaker) };
    const ports = { store: this.#store, scores: this.#scores, presences: this.#presences };
    return serveSession(messages, peer, ports);
  }

  handlers(access: Access): Handlers {
    const forClients = ({ connection }: CallContext): void => access.requireClient(connection);
    const forOperators = ({ connection }: CallContext): void => access.requireOperator(connection);
    const forMembers = ({ connection }: CallContext): void => access.requireMember(connection);
    return {
      'documents.list': guarded(forClients, (payload) => this.#list(payload)),
      'documents.rights': guarded(forClients, (payload) => {
        const { name } = parseRequest(requests.named, payload);
        return this.#existing(name, ({ rights }) => ({ rights }));
      }),
      'documents.setRights': guarded(forOperators, (payload, { connection }) =>
        this.#setRights(payload, connection.peerId),
      ),
      'documents.export': guarded(forOperators, (payload) => {
        const { name } = parseRequest(requests.named, payload);
        return this.#existing(name, (document) => {
          return { update: document.missing(NOTHING), rights: document.rights };
        });
      }),
      'documents.compare': guarded(forMembers, async (payload) => {
        const { message } = parseRequest(requests.compare, payload);
        return { message: await this.#sync.answerComparison(message) };
      }),
      'documents.names': guarded(forMembers, (payload) => {
        return { names: this.#sync.namesOf(parseRequest(requests.names, payload).digests) };
      }),
      'documents.exchange': guarded(forMembers, (payload) => this.#exchange(payload)),
      'documents.aware': guarded(forMembers, (payload, { connection }) => {
        const { states } = parseRequest(requests.aware, payload);
        const from = this.#node?.memberIdOf(connection.peerId);
        if (from === undefined) throw new RpcError('unavailable', 'this node begins or stops');
        this.#presence.take(from, states);
        return null;
      }),
      'documents.push': guarded(forMembers, (payload) => {
        const { name, update } = parseRequest(requests.push, payload);
        return this.#store.use(name, async (document) => {
          await this.#sync.takeUpdate(document, update);
          return null;
        });
      }),
    };
  }

  #list(payload: unknown): object {
    const { after } = parseRequest(requests.list, payload);
    const names = [...this.#store.names].filter((name) => name > after).sort();
    return { names: names.slice(0, NAMES_MAX), isAll: names.length <= NAMES_MAX };
  }

  /** Asking for a document that is not there does not make it. */
  #existing<T>(name: string, work: (document: SharedDocument) => Promise<T> | T): Promise<T> {
    if (this.#store.names.has(name)) return this.#store.use(name, work);
    throw new RpcError('refused', `there is no document ${name} here`, { reason: 'not-found' });
  }

  async #setRights(payload: unknown, by: string): Promise<object> {
    const { name, readers, writers } = parseRequest(requests.setRights, payload);
    return this.#store.use(name, async (document) => {
      this.#sync.clock.advance(document.rights.time);
      const time = this.#sync.clock.tick(Date.now());
      const rights = { readers, writers, time, by };
      await document.setRights(rights);
      return { rights };
    });
  }

  async #exchange(payload: unknown): Promise<object> {
    const { name, stateVector, rights } = parseRequest(requests.exchange, payload);
    return this.#store.use(name, async (document) => {
      await this.#sync.takeRights(document, rights);
      return {
        stateVector: document.stateVector,
        update: document.missing(stateVector),
        rights: document.rights,
      };
    });
  }
}

/** A stream whose failure is told to the peer. */
function translated<T>(answers: AsyncIterableIterator<T>): AsyncIterableIterator<T> {
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        return await answers.next();
      } catch (error) {
        throw asRpcError(error);
      }
    },
    async return() {
      await answers.return?.();
      return { done: true, value: undefined };
    },
  };
}

/** A handler for those whom `require` lets through; what goes wrong is told in the terms of the wire. */
function guarded(require: (context: CallContext) => void, handler: Handler): Handler {
  return async (payload, context) => {
    try {
      require(context);
      return await handler(payload, context);
    } catch (error) {
      throw asRpcError(error);
    }
  };
}
