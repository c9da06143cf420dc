/**
 * Connections to the other members, each dialled by this node and pinned to the member's identity.
 * Messages of the consensus are sent at most once: when no connection is open they are dropped and
 * the core, told so, sends again what is still needed.
 */
import { encodeMessage } from '../consensus/raft/index.js';
import type { Message } from '../consensus/raft/index.js';
import { RpcError } from '../transport/rpc/rpc.js';
import type { PeerAddress, RpcConnection, RpcEndpoint } from '../transport/rpc/rpc.js';
import { DIAL_BACKOFF_MAX_MS, DIAL_BACKOFF_MIN_MS, DIAL_TIMEOUT_MS } from './limits.js';

interface Link {
  address: PeerAddress;
  connection: RpcConnection | undefined;
  dialing: Promise<RpcConnection> | undefined;
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
  readonly #endpoint: RpcEndpoint;
  readonly #links = new Map<number, Link>();
  readonly #unreachable: (nodeId: number) => void;
  #closed = false;

  constructor(endpoint: RpcEndpoint, unreachable: (nodeId: number) => void) {
    this.#endpoint = endpoint;
    this.#unreachable = unreachable;
  }

  /** Makes the links those of the given members: new ones, changed addresses, removed ones. */
  update(members: ReadonlyMap<number, PeerAddress>): void {
    for (const [nodeId, link] of this.#links) {
      const address = members.get(nodeId);
      if (address !== undefined && sameAddress(address, link.address)) continue;
      this.#links.delete(nodeId);
      void link.connection?.close(0, 'the member is gone or has another address');
    }
    for (const [nodeId, address] of members) {
      if (!this.#links.has(nodeId)) this.#links.set(nodeId, newLink(address));
    }
  }

  send(message: Message): void {
    const link = this.#links.get(message.to);
    if (link === undefined || this.#closed) return;
    const { connection } = link;
    if (connection?.isOpen === true) {
      if (connection.notify('raft.message', encodeMessage(message))) return;
    } else {
      this.#dial(message.to, link).catch(() => undefined);
    }
    this.#unreachable(message.to);
  }

  /** Calls a method of a member; fails with `unavailable` when it cannot be reached in time. */
  async call(
    nodeId: number,
    method: string,
    payload: unknown,
    timeoutMs: number,
  ): Promise<unknown> {
    const link = this.#links.get(nodeId);
    if (link === undefined) throw new RpcError('unavailable', `node ${nodeId} is no known member`);
    const connection =
      link.connection?.isOpen === true ? link.connection : await this.#dial(nodeId, link);
    return connection.call(method, payload, { timeoutMs });
  }

  state(nodeId: number): LinkState {
    const link = this.#links.get(nodeId);
    return {
      connected: link?.connection?.isOpen === true,
      lastError: link?.lastError ?? '',
    };
  }

  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) void link.connection?.close(0, 'the node stops');
    this.#links.clear();
  }

  #dial(nodeId: number, link: Link): Promise<RpcConnection> {
    if (link.dialing !== undefined) return link.dialing;
    if (performance.now() < link.retryAtMs) {
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

  async #connect(nodeId: number, link: Link): Promise<RpcConnection> {
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
      return connection;
    } catch (error) {
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
    dialing: undefined,
    backoffMs: DIAL_BACKOFF_MIN_MS,
    retryAtMs: 0,
    lastError: '',
  };
}

function sameAddress(a: PeerAddress, b: PeerAddress): boolean {
  return a.host === b.host && a.port === b.port && a.peerId === b.peerId;
}
