/** One member of a bench: an endpoint and the driver of production, with connections dialled when needed. */
import { GossipDriver } from '../../nodes/gossip/driver.js';
import { listenRpc } from '../../transport/rpc/index.js';
import type { PeerAddress, PeerConnection, PeerEndpoint } from '../../transport/rpc/rpc.js';
import type { Identity } from '../../transport/identity/index.js';

const DIAL_TIMEOUT_MS = 20_000;
/** Under way at a time: more would be in each other's way. */
const DIALS_MAX = 3;
const METHOD = 'gossip.message';

export interface Directory {
  readonly identities: ReadonlyMap<number, Identity>;
  readonly addresses: Map<number, PeerAddress>;
}

export class Member {
  readonly id: number;
  readonly driver: GossipDriver;
  readonly #directory: Directory;
  readonly #ids: ReadonlyMap<string, number>;
  #endpoint: PeerEndpoint | undefined;
  /** Datagrams that it has sent. */
  datagrams = 0;
  /** Dialled, or dialled by the other side. */
  readonly #links = new Map<number, PeerConnection>();
  readonly #dials = new Set<number>();

  constructor(id: number, directory: Directory) {
    this.id = id;
    this.#directory = directory;
    this.#ids = new Map([...directory.identities].map(([other, { peerId }]) => [peerId, other]));
    this.driver = new GossipDriver({
      nodeId: id,
      swarmId: 'bench',
      identity: directory.identities.get(id)!,
      metadata: new Uint8Array(),
      send: (to, via, bytes) => this.#send(to, via, bytes),
    });
  }

  async listen(): Promise<void> {
    const take = (peerId: string, via: 'datagram' | 'stream', bytes: Uint8Array): void => {
      const from = this.#ids.get(peerId);
      if (from !== undefined) this.driver.receive(from, via, bytes);
    };
    this.#endpoint = await listenRpc({
      identity: this.#directory.identities.get(this.id)!,
      host: '127.0.0.1',
      port: 0,
      handlers: {
        [METHOD]: (payload, { connection }) => {
          if (payload instanceof Uint8Array) take(connection.peerId, 'stream', payload);
          return null;
        },
      },
      onDatagram: ({ peerId }, bytes) => take(peerId, 'datagram', bytes),
      onConnection: (connection) => this.#linked(connection),
    });
    const { host, port, peerId } = this.#endpoint;
    this.#directory.addresses.set(this.id, { host, port, peerId });
  }

  /** To all with greater numbers, one after the other; nodes have these connections for Raft. */
  async connect(): Promise<void> {
    for (const [id, address] of this.#directory.addresses) {
      if (id <= this.id) continue;
      // One that fails on a busy machine is dialled when it is needed.
      await this.#endpoint?.connect(address, { timeoutMs: DIAL_TIMEOUT_MS }).then(
        (connection) => this.#linked(connection),
        () => undefined,
      );
    }
  }

  join(): void {
    const { identities } = this.#directory;
    this.driver.admit(new Map([...identities].map(([id, { peerId }]) => [id, peerId])));
  }

  async crash(): Promise<void> {
    this.driver.stop();
    await this.#endpoint?.close(0);
  }

  #send(to: number, via: 'datagram' | 'stream', bytes: Uint8Array): void {
    const link = this.#links.get(to);
    if (link?.isOpen !== true) this.#dial(to);
    else if (via === 'datagram') {
      this.datagrams += 1;
      link.sendDatagram(bytes);
    } else link.notify(METHOD, bytes);
  }

  #linked(connection: PeerConnection): void {
    const id = this.#ids.get(connection.peerId);
    if (id !== undefined && this.#links.get(id)?.isOpen !== true) this.#links.set(id, connection);
  }

  #dial(to: number): void {
    const address = this.#directory.addresses.get(to);
    if (address === undefined || this.#dials.has(to) || this.#dials.size >= DIALS_MAX) return;
    this.#dials.add(to);
    this.#endpoint?.connect(address, { timeoutMs: DIAL_TIMEOUT_MS }).then(
      (connection) => {
        this.#dials.delete(to);
        this.#linked(connection);
      },
      () => this.#dials.delete(to),
    );
  }
}
