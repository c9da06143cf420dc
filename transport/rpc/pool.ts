import { strict as assert } from 'node:assert';
import { formatPeerAddress } from '../identity/peer-address.js';
import { POOL_CONNECTIONS_MAX } from './limits.js';
import { badOption, checkAddress, checkTimeout } from './options.js';
import {
  PooledPeer,
  resolvePeerSettings,
  type Dialler,
  type PeerSettings,
  type PoolCallOptions,
  type PooledPeerStats,
} from './pooled-peer.js';
import type { RetryOptions } from './retry.js';
import {
  RpcError,
  type CallOptions,
  type Caller,
  type PeerAddress,
  type PeerConnection,
} from './rpc.js';
import { fromError } from './streams.js';

export interface PoolOptions extends Partial<PeerSettings>, RetryOptions {
  /** Peers with a connection, or on the way to one. 256 when left out. */
  readonly connectionsMax?: number;
}

/** Connections to peers, made when they are wanted and kept while they are of use. */
export class ConnectionPool {
  readonly #dialler: Dialler;
  readonly #settings: PeerSettings;
  readonly #retry: RetryOptions;
  readonly #connectionsMax: number;
  /** The one that was wanted least recently first. */
  readonly #peers = new Map<string, PooledPeer>();
  #ticker: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** Throws `RpcError` with reason `bad-option`. */
  constructor(dialler: Dialler, options: PoolOptions = {}) {
    if (typeof (dialler as Partial<Dialler> | undefined)?.connect !== 'function') {
      throw badOption(
        'a ConnectionPool needs what it connects with: new ConnectionPool(await listenRpc({ ... }))',
      );
    }
    this.#dialler = dialler;
    this.#settings = resolvePeerSettings(options);
    this.#retry = options;
    this.#connectionsMax = options.connectionsMax ?? POOL_CONNECTIONS_MAX;
    assert(this.#connectionsMax > 0, 'a pool holds one connection at least');
  }

  /**
   * Calls of one peer. They connect when they are made, not before; `defaults` are options of each,
   * `waitForReady` for example.
   */
  to(address: PeerAddress, defaults: Partial<PoolCallOptions> = {}): Caller {
    const peer = (): PooledPeer => this.#peer(address);
    const all = (method: string, options: CallOptions): PoolCallOptions => {
      const merged = { ...defaults, ...options };
      checkTimeout(`the call of '${method}'`, merged);
      return merged;
    };
    return {
      call: async (method, payload, options) => peer().call(method, payload, all(method, options)),
      serverStream: (method, payload, options) =>
        failingLate(() =>
          peer().manyAnswers(all(method, options), (connection, left) =>
            connection.serverStream(method, payload, left),
          ),
        ),
      clientStream: async (method, messages, options) =>
        peer().clientStream(method, messages, all(method, options)),
      duplex: (method, messages, options) =>
        failingLate(() =>
          peer().manyAnswers(all(method, options), (connection, left) =>
            connection.duplex(method, messages, left),
          ),
        ),
    };
  }

  /** A unary call, with retries as the policy of the pool says. */
  async call(
    address: PeerAddress,
    method: string,
    payload: unknown,
    options: PoolCallOptions,
  ): Promise<unknown> {
    checkTimeout(`the call of '${method}'`, options);
    return this.#peer(address).call(method, payload, options);
  }

  /** The connection to a peer, healthy as far as is known. */
  async connection(address: PeerAddress, options: PoolCallOptions): Promise<PeerConnection> {
    checkTimeout('the connection', options);
    return this.#peer(address).acquire(options);
  }

  /** Of each peer that the pool knows. */
  stats(): readonly PooledPeerStats[] {
    return [...this.#peers.values()].map((peer) => peer.stats());
  }

  /** Closes all connections; calls that wait for one fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#ticker);
    const peers = [...this.#peers.values()];
    this.#peers.clear();
    await Promise.all(peers.map((peer) => peer.close('the pool is closed')));
  }

  #peer(address: PeerAddress): PooledPeer {
    if (this.#isClosed) throw new RpcError('unavailable', 'the connection pool is closed');
    checkAddress(address);
    const name = formatPeerAddress(address);
    let peer = this.#peers.get(name);
    if (peer === undefined) {
      this.#makeRoom();
      peer = new PooledPeer(this.#dialler, address, this.#settings, this.#retry);
    } else {
      this.#peers.delete(name);
    }
    this.#peers.set(name, peer);
    const everyMs = Math.max(Math.min(this.#settings.healthMs, this.#settings.idleMs) / 4, 5);
    this.#ticker ??= setInterval(() => this.#tick(), everyMs).unref();
    return peer;
  }

  #makeRoom(): void {
    if (this.#peers.size < this.#connectionsMax) return;
    for (const [name, peer] of this.#peers) {
      if (peer.isBusy) continue;
      this.#peers.delete(name);
      void peer.close('it gave way to a connection that is wanted');
      return;
    }
    throw new RpcError(
      'overloaded',
      `the pool has ${this.#connectionsMax} connections, and all are in use`,
      { reason: 'pool-full' },
    );
  }

  #tick(): void {
    const now = performance.now();
    for (const [name, peer] of this.#peers) {
      if (peer.tick(now)) continue;
      this.#peers.delete(name);
      void peer.close('it was idle');
    }
  }
}

/** What begins to fail is an answer whose first message is the failure. */
function failingLate(begin: () => AsyncIterableIterator<unknown>): AsyncIterableIterator<unknown> {
  try {
    return begin();
  } catch (error) {
    return fromError(error);
  }
}
