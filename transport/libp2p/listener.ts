import {
  TypedEventEmitter,
  setMaxListeners,
  type Listener,
  type ListenerEvents,
  type PeerId,
  type Upgrader,
} from '@libp2p/interface';
import { getThinWaistAddresses } from '@libp2p/utils';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Connection, Engine } from '../quic/index.js';
import { quicMultiaddr, requireQuicAddress } from './address.js';
import type { Ports } from './ports.js';
import type { QuicMultiaddrConnection } from './quic-multiaddr-connection.js';

export interface QuicListenerInit {
  readonly ports: Ports;
  readonly upgrader: Upgrader;
  readonly peerOf: (connection: Connection) => PeerId;
  /** Makes an inbound connection known to libp2p; called in the turn in which it was opened. */
  readonly wrap: (connection: Connection) => QuicMultiaddrConnection;
}

/** Listens on one UDP port, from which dials go out as well. */
export class QuicListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #init: QuicListenerInit;
  /** Stops upgrades that are under way. */
  readonly #shutdown = new AbortController();
  #engine: Engine | undefined;

  constructor(init: QuicListenerInit) {
    super();
    this.#init = init;
    setMaxListeners(Infinity, this.#shutdown.signal);
  }

  /**
   * Rejects with `Libp2pTransportError`, code `bad-address`, and with `QuicError`:
   * `address-in-use`, `address-unavailable`.
   */
  async listen(address: Multiaddr): Promise<void> {
    const { host, port } = requireQuicAddress(address);
    this.#engine = await this.#init.ports.listen({
      host,
      port,
      onConnection: (connection) => this.#onConnection(connection),
    });
    this.safeDispatchEvent('listening');
  }

  /** One for each address of this machine when it listens on all of them. */
  getAddrs(): Multiaddr[] {
    if (this.#engine === undefined) return [];
    const { host, port } = this.#engine;
    return getThinWaistAddresses(quicMultiaddr(host, port), port).map((address) =>
      address.encapsulate('/quic-v1'),
    );
  }

  updateAnnounceAddrs(): void {}

  /** Closes the port with all its connections, those that were dialled from it included. */
  async close(): Promise<void> {
    const engine = this.#engine;
    if (engine === undefined) return;
    this.#engine = undefined;
    this.#shutdown.abort();
    await this.#init.ports.close(engine);
    this.safeDispatchEvent('close');
  }

  #onConnection(connection: Connection): void {
    const owner = this.#init.wrap(connection);
    this.#init.upgrader
      .upgradeInbound(owner, {
        skipEncryption: true,
        skipProtection: true,
        remotePeer: this.#init.peerOf(connection),
        muxerFactory: owner.muxerFactory,
        signal: this.#shutdown.signal,
      })
      .catch((error: unknown) => {
        owner.abort(error instanceof Error ? error : new Error(String(error)));
      });
  }
}
