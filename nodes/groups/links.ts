/**
 * One connection to each peer, dialled by this node, pinned to the peer's identity and kept open:
 * it carries the envelopes of all groups, and its end is how this node learns that a peer is gone.
 * Groups that sleep depend on that, so a peer counts as gone until a connection to it stands.
 */
import { randomUUID } from 'node:crypto';
import type { NodeId } from '../../consensus/raft/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type {
  NotifyOptions,
  PeerAddress,
  PeerConnection,
  PeerEndpoint,
} from '../../transport/rpc/rpc.js';
import {
  DIAL_BACKOFF_MAX_MS,
  DIAL_BACKOFF_MIN_MS,
  DIAL_INTERVAL_MS,
  DIAL_TIMEOUT_MS,
} from './limits.js';

interface Link {
  readonly address: PeerAddress;
  connection: PeerConnection | undefined;
  isDialing: boolean;
  /** The process of the peer that greeted last. */
  incarnation: string | undefined;
  backoffMs: number;
  retryAtMs: number;
}

/** Told when the way to a peer opens or ends. */
export interface LinkEvents {
  gone(peer: NodeId): void;
  back(peer: NodeId): void;
}

/** See the head of this file. */
export class PeerLinks {
  readonly #endpoint: PeerEndpoint;
  readonly #events: LinkEvents;
  readonly #links = new Map<NodeId, Link>();
  readonly #peersById = new Map<string, NodeId>();
  readonly #keeper: NodeJS.Timeout;
  readonly #incarnation = randomUUID();
  #closed = false;

  /** Notifications are named `SERVICE.envelope` and `SERVICE.greet`. */
  constructor(
    endpoint: PeerEndpoint,
    events: LinkEvents,
    private readonly service = 'groups',
  ) {
    this.#endpoint = endpoint;
    this.#events = events;
    this.#keeper = setInterval(() => this.#dialAll(), DIAL_INTERVAL_MS);
  }

  /** Makes the links those of the given peers: new ones, changed addresses, removed ones. */
  update(peers: ReadonlyMap<NodeId, PeerAddress>): void {
    for (const [peer, link] of this.#links) {
      const address = peers.get(peer);
      if (address !== undefined && sameAddress(address, link.address)) continue;
      this.#links.delete(peer);
      this.#end(peer, link, 'the peer is gone or has another address');
    }
    this.#peersById.clear();
    for (const [peer, address] of peers) {
      this.#peersById.set(address.peerId, peer);
      if (this.#links.has(peer)) continue;
      const backoffMs = DIAL_BACKOFF_MIN_MS;
      this.#links.set(peer, {
        address,
        connection: undefined,
        isDialing: false,
        incarnation: undefined,
        backoffMs,
        retryAtMs: 0,
      });
      this.#events.gone(peer);
    }
    this.#dialAll();
  }

  /** The peer that a proven identity belongs to. */
  peerOf(peerId: string): NodeId | undefined {
    return this.#peersById.get(peerId);
  }

  /** Whether a connection to the peer stands. */
  isUp(peer: NodeId): boolean {
    return this.#links.get(peer)?.connection?.isOpen === true;
  }

  /** Sends an envelope, at most once. False if it was not sent. */
  send(peer: NodeId, bytes: Uint8Array, options: NotifyOptions): boolean {
    const connection = this.#links.get(peer)?.connection;
    return (
      connection?.isOpen === true && connection.notify(`${this.service}.envelope`, bytes, options)
    );
  }

  /** Calls a method of a peer; fails with `unavailable` when no connection stands. */
  call(
    peer: NodeId,
    method: string,
    payload: unknown,
    timeoutMs: number,
    urgency?: number,
  ): Promise<unknown> {
    const connection = this.#links.get(peer)?.connection;
    const options = urgency === undefined ? { timeoutMs } : { timeoutMs, urgency };
    if (connection?.isOpen === true) return connection.call(method, payload, options);
    return Promise.reject(new RpcError('unavailable', `no connection to node ${peer}`));
  }

  /** A peer has named its process: after a restart the connection to the one before is dead. */
  greeted(peer: NodeId, incarnation: string): void {
    const link = this.#links.get(peer);
    if (link === undefined || link.incarnation === incarnation) return;
    const hasRestarted = link.incarnation !== undefined;
    link.incarnation = incarnation;
    link.retryAtMs = 0;
    if (hasRestarted) this.#end(peer, link, 'the peer has restarted');
    this.#dialAll();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#keeper);
    for (const { connection } of this.#links.values()) void connection?.close(0, 'the node stops');
    this.#links.clear();
  }

  #end(peer: NodeId, link: Link, why: string): void {
    const { connection } = link;
    link.connection = undefined;
    void connection?.close(0, why);
    this.#events.gone(peer);
  }

  #dialAll(): void {
    if (this.#closed) return;
    const nowMs = performance.now();
    for (const [peer, link] of this.#links) {
      if (link.connection !== undefined || link.isDialing || nowMs < link.retryAtMs) continue;
      void this.#dial(peer, link);
    }
  }

  async #dial(peer: NodeId, link: Link): Promise<void> {
    link.isDialing = true;
    try {
      const options = { timeoutMs: DIAL_TIMEOUT_MS };
      const connection = await this.#endpoint.connect(link.address, options);
      if (this.#closed || this.#links.get(peer) !== link) {
        void connection.close(0, 'no longer needed');
        return;
      }
      link.connection = connection;
      link.backoffMs = DIAL_BACKOFF_MIN_MS;
      connection.notify(`${this.service}.greet`, this.#incarnation);
      void connection.closed.then(() => this.#lost(peer, link, connection));
      this.#events.back(peer);
    } catch {
      // Not worth a line: who is up is in the status, and the next attempt comes by itself.
      link.retryAtMs = performance.now() + link.backoffMs;
      link.backoffMs = Math.min(link.backoffMs * 2, DIAL_BACKOFF_MAX_MS);
    } finally {
      link.isDialing = false;
    }
  }

  #lost(peer: NodeId, link: Link, connection: PeerConnection): void {
    if (this.#closed || link.connection !== connection) return;
    link.connection = undefined;
    this.#events.gone(peer);
    this.#dialAll();
  }
}

function sameAddress(a: PeerAddress, b: PeerAddress): boolean {
  return a.host === b.host && a.port === b.port && a.peerId === b.peerId;
}
