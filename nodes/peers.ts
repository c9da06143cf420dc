/**
 * Connections to the other members, each dialled by this node and pinned to the member's identity.
 * They are kept open to all, since an election has no time to dial. Messages of the consensus are
 * sent at most once: a few wait while a connection is being opened, what is beyond is dropped, and
 * the core, told so, sends again what is still needed.
 *
 * Of two members both dial. The messages of both go over the connection that the one with the lower
 * id dialled, while it is open: an answer then carries the acknowledgement of what it answers,
 * where two connections would cost a packet of their own each way.
 */
import { randomUUID } from 'node:crypto';

import { encodeMessage, keepsOrder } from '../consensus/raft/index.js';
import type { Message } from '../consensus/raft/index.js';
import { RpcError } from '../transport/rpc/rpc.js';
import type {
  CallOptions,
  NotifyOptions,
  PeerAddress,
  PeerConnection,
  PeerEndpoint,
} from '../transport/rpc/rpc.js';
import { coalesce, isCommitOnly } from './coalesce.js';
import {
  COMMIT_DELAY_MS,
  DIAL_BACKOFF_MAX_MS,
  DIAL_BACKOFF_MIN_MS,
  DIAL_INTERVAL_MS,
  DIAL_TIMEOUT_MS,
  MESSAGES_GATHERED_MAX,
  MESSAGES_WAITING_MAX,
} from './limits.js';

interface Waiting {
  readonly bytes: Uint8Array;
  readonly options: NotifyOptions;
}

interface Link {
  address: PeerAddress;
  connection: PeerConnection | undefined;
  /** The one that the member dialled, once it has greeted on it. */
  dialled: PeerConnection | undefined;
  dialing: Promise<PeerConnection> | undefined;
  /** Messages of this turn of the event loop; they leave together. */
  gathered: Message[];
  /** `#onGathered` is about to run. */
  isGathering: boolean;
  /** Set while what was gathered only tells a commit index, and waits for company. */
  commitTimer: NodeJS.Timeout | undefined;
  /** Messages for the moment in which the connection stands, oldest first. */
  waiting: Waiting[];
  /** Names the process of the member that greeted last; another name means that it restarted. */
  incarnation: string | undefined;
  backoffMs: number;
  retryAtMs: number;
  lastError: string;
}

/** What the node knows of the way to a member. */
export interface LinkState {
  readonly connected: boolean;
  /** Why the last attempt failed; empty when it did not. */
  readonly lastError: string;
}

export class Peers {
  readonly #nodeId: number;
  readonly #endpoint: PeerEndpoint;
  readonly #links = new Map<number, Link>();
  readonly #unreachable: (nodeId: number) => void;
  readonly #keeper: NodeJS.Timeout;
  /** Of this process: others learn by it that what they had open to this node is gone. */
  readonly #incarnation = randomUUID();
  #closed = false;

  constructor(nodeId: number, endpoint: PeerEndpoint, unreachable: (nodeId: number) => void) {
    this.#nodeId = nodeId;
    this.#endpoint = endpoint;
    this.#unreachable = unreachable;
    this.#keeper = setInterval(() => this.#dialAll(), DIAL_INTERVAL_MS);
  }

  /** Makes the links those of the given members: new ones, changed addresses, removed ones. */
  update(members: ReadonlyMap<number, PeerAddress>): void {
    for (const [nodeId, link] of this.#links) {
      const address = members.get(nodeId);
      if (address !== undefined && sameAddress(address, link.address)) continue;
      // The last thing that a removed member hears is that its removal is committed.
      this.#sendGathered(link);
      this.#links.delete(nodeId);
      void link.connection?.close(0, 'the member is gone or has another address');
    }
    for (const [nodeId, address] of members) {
      if (!this.#links.has(nodeId)) this.#links.set(nodeId, newLink(address));
    }
    this.#dialAll();
  }

  /**
   * Sends before anything of the next turn is read, together with what is sent meanwhile. What only
   * tells a commit index waits `COMMIT_DELAY_MS` for something to travel with: nobody who was
   * answered depends on a follower that has applied.
   */
  send(message: Message): void {
    const link = this.#links.get(message.to);
    if (link === undefined || this.#closed) return;
    link.gathered.push(message);
    if (link.gathered.length >= MESSAGES_GATHERED_MAX) this.#sendGathered(link);
    else if (!link.isGathering) {
      link.isGathering = true;
      queueMicrotask(() => this.#onGathered(link));
    }
  }

  #onGathered(link: Link): void {
    link.isGathering = false;
    if (link.gathered.every(isCommitOnly)) {
      link.commitTimer ??= setTimeout(() => this.#sendGathered(link), COMMIT_DELAY_MS);
    } else {
      this.#sendGathered(link);
    }
  }

  #sendGathered(link: Link): void {
    clearTimeout(link.commitTimer);
    link.commitTimer = undefined;
    const { gathered } = link;
    link.gathered = [];
    for (const message of coalesce(gathered)) this.#sendNow(link, message);
  }

  #sendNow(link: Link, message: Message): void {
    if (this.#closed || this.#links.get(message.to) !== link) return;
    const bytes = encodeMessage(message);
    const options = { inOrder: keepsOrder(message) };
    const connection = this.#openConnection(link, message.to < this.#nodeId);
    if (connection !== undefined) {
      if (connection.notify('raft.message', bytes, options)) return;
    } else if (this.#isReachable(link) && link.waiting.length < MESSAGES_WAITING_MAX) {
      link.waiting.push({ bytes, options });
      this.#dial(message.to, link).catch(() => undefined);
      return;
    }
    this.#unreachable(message.to);
  }

  /**
   * The other connection serves when the one that is preferred is not open: the first packet of a dial
   * to a member that restarts may be lost, and is sent again only after a second.
   */
  #openConnection({ connection, dialled }: Link, isDialledPreferred: boolean) {
    const order = isDialledPreferred ? [dialled, connection] : [connection, dialled];
    return order.find((each) => each?.isOpen === true);
  }

  /** Calls a method of a member; fails with `unavailable` when it cannot be reached in time. */
  async call(
    nodeId: number,
    method: string,
    payload: unknown,
    timeoutMs: number,
    options: Pick<CallOptions, 'urgency' | 'signal'> = {},
  ): Promise<unknown> {
    const link = this.#links.get(nodeId);
    if (link === undefined) throw new RpcError('unavailable', `node ${nodeId} is no known member`);
    const connection = this.#openConnection(link, false) ?? (await this.#dial(nodeId, link));
    return connection.call(method, payload, { ...options, timeoutMs });
  }

  /**
   * Tells a member something at most once, over the connection that messages of the consensus take;
   * without one it is dropped, and one is dialled for what comes after.
   */
  tell(nodeId: number, via: 'datagram' | 'stream', method: string, bytes: Uint8Array): void {
    const link = this.#links.get(nodeId);
    if (link === undefined || this.#closed) return;
    const connection = this.#openConnection(link, nodeId < this.#nodeId);
    if (connection === undefined) {
      if (this.#isReachable(link)) this.#dial(nodeId, link).catch(() => undefined);
    } else if (via === 'datagram') connection.sendDatagram(bytes);
    else connection.notify(method, bytes);
  }

  /**
   * A member has dialled this node by `connection` and named its process. After a restart the
   * connection to the process before is dead, though nothing says so until it times out.
   */
  greeted(nodeId: number, incarnation: string, connection: PeerConnection): void {
    const link = this.#links.get(nodeId);
    if (link === undefined) return;
    link.dialled = connection;
    if (link.incarnation === incarnation) return;
    const restarted = link.incarnation !== undefined;
    link.incarnation = incarnation;
    link.retryAtMs = 0;
    if (!restarted) return;
    void link.connection?.close(0, 'the member has restarted');
    link.connection = undefined;
    this.#dialAll();
  }

  state(nodeId: number): LinkState {
    const link = this.#links.get(nodeId);
    return {
      connected: link?.connection?.isOpen === true,
      lastError: link?.lastError ?? '',
    };
  }

  close(): void {
    for (const link of this.#links.values()) this.#sendGathered(link);
    this.#closed = true;
    clearInterval(this.#keeper);
    for (const link of this.#links.values()) {
      void link.connection?.close(0, 'the node stops');
    }
    this.#links.clear();
  }

  #dialAll(): void {
    for (const [nodeId, link] of this.#links) {
      if (link.connection?.isOpen === true || !this.#isReachable(link)) continue;
      this.#dial(nodeId, link).catch(() => undefined);
    }
  }

  /** False while the last failure is too recent for another attempt. */
  #isReachable(link: Link): boolean {
    return link.dialing !== undefined || performance.now() >= link.retryAtMs;
  }

  #dial(nodeId: number, link: Link): Promise<PeerConnection> {
    if (link.dialing !== undefined) return link.dialing;
    if (!this.#isReachable(link)) {
      return Promise.reject(
        new RpcError('unavailable', `node ${nodeId} cannot be reached: ${link.lastError}`),
      );
    }
    const dialing = this.#connect(nodeId, link).finally(() => {
      link.dialing = undefined;
    });
    link.dialing = dialing;
    return dialing;
  }

  async #connect(nodeId: number, link: Link): Promise<PeerConnection> {
    try {
      const connection = await this.#endpoint.connect(link.address, { timeoutMs: DIAL_TIMEOUT_MS });
      if (this.#closed || this.#links.get(nodeId) !== link) {
        void connection.close(0, 'no longer needed');
        throw new RpcError('unavailable', `node ${nodeId} is no longer wanted`);
      }
      link.connection = connection;
      link.backoffMs = DIAL_BACKOFF_MIN_MS;
      link.retryAtMs = 0;
      link.lastError = '';
      connection.notify('node.greet', this.#incarnation);
      for (const { bytes, options } of link.waiting) {
        connection.notify('raft.message', bytes, options);
      }
      link.waiting = [];
      return connection;
    } catch (error) {
      if (link.waiting.length > 0 && !this.#closed) this.#unreachable(nodeId);
      link.waiting = [];
      link.lastError = error instanceof Error ? error.message : String(error);
      link.retryAtMs = performance.now() + link.backoffMs;
      link.backoffMs = Math.min(link.backoffMs * 2, DIAL_BACKOFF_MAX_MS);
      throw error;
    }
  }
}

function newLink(address: PeerAddress): Link {
  return {
    address,
    connection: undefined,
    dialled: undefined,
    dialing: undefined,
    gathered: [],
    isGathering: false,
    commitTimer: undefined,
    waiting: [],
    incarnation: undefined,
    backoffMs: DIAL_BACKOFF_MIN_MS,
    retryAtMs: 0,
    lastError: '',
  };
}

function sameAddress(a: PeerAddress, b: PeerAddress): boolean {
  return a.host === b.host && a.port === b.port && a.peerId === b.peerId;
}
