/** The members a client knows and its connections to them. */

import type {
  CallOptions,
  Caller,
  PeerAddress,
  RpcConnection,
  RpcEndpoint,
} from '../../transport/rpc/rpc.js';
import type { Hello, Member } from './answers.js';
import { ClientError } from './errors.js';
import { isCaller } from './lanes.js';
import { MEMBERS_MAX, WAITING_REQUESTS_MAX } from './limits.js';
import type { LinkOwner } from './member-link.js';
import { MemberLink } from './member-link.js';
import type { LinkSet } from './requests.js';
import type { ClientSettings } from './settings.js';

export interface Reachable {
  readonly peerId: string;
  readonly connection: RpcConnection & Caller;
}

export class Links implements LinkOwner, LinkSet {
  readonly token: string | null;
  readonly settings: ClientSettings;
  readonly #endpoint: RpcEndpoint;
  readonly #links = new Map<string, MemberLink>();
  readonly #waiting = new Set<() => void>();
  readonly #left = new Set<Promise<void>>();
  #members: readonly Member[] = [];
  #swarmId: string | undefined;
  #leader = 0;
  #turn = 0;
  #closed = false;

  constructor(endpoint: RpcEndpoint, token: string | null, settings: ClientSettings) {
    this.#endpoint = endpoint;
    this.token = token;
    this.settings = settings;
  }

  /** Identifier of the swarm; undefined until the first member answered. */
  get swarmId(): string | undefined {
    return this.#swarmId;
  }

  /** As the member said that was heard last. */
  get members(): readonly Member[] {
    return this.#members;
  }

  links(): Iterable<MemberLink> {
    return this.#links.values();
  }

  /** Members that calls of any kind can be made to; `only` names one. */
  callers(only?: string): Reachable[] {
    return [...this.#links.values()].flatMap(({ state, connection, peerId }) => {
      if (only !== undefined && peerId !== only) return [];
      if (state !== 'open' || connection === undefined || !isCaller(connection)) return [];
      return [{ peerId, connection }];
    });
  }

  leader(): string | undefined {
    return this.#members.find((member) => member.nodeId === this.#leader)?.peerId;
  }

  nextTurn(): number {
    this.#turn += 1;
    return this.#turn;
  }

  connect(address: PeerAddress, options: CallOptions): Promise<RpcConnection> {
    return this.#endpoint.connect(address, options);
  }

  /** Starts to keep a connection to the peer, unless there is one. */
  add(address: PeerAddress): void {
    if (this.#closed) return;
    const known = this.#links.get(address.peerId);
    if (known !== undefined) {
      const { host, port } = known.address;
      if (host !== address.host || port !== address.port) known.moveTo(address);
      return;
    }
    if (this.#links.size >= MEMBERS_MAX) return;
    this.#links.set(address.peerId, new MemberLink(address, this));
  }

  onHello(hello: Hello): void {
    this.#swarmId ??= hello.swarmId;
    if (hello.swarmId !== this.#swarmId) {
      throw new ClientError(
        'invalid',
        `it belongs to swarm ${hello.swarmId}, this client to swarm ${this.#swarmId}`,
      );
    }
    this.#members = hello.members;
    if (hello.leader !== 0) this.#leader = hello.leader;
    for (const member of hello.members) {
      if (member.status === 'left') this.#remove(member.peerId);
      else this.add({ host: member.host, port: member.port, peerId: member.peerId });
    }
    for (const { peerId, cordoned } of hello.members) {
      const link = this.#links.get(peerId);
      if (link !== undefined) link.cordoned = cordoned;
    }
  }

  onChange(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  async changed(withinMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#closed) throw new ClientError('closed', 'the client was closed');
    if (this.#waiting.size >= WAITING_REQUESTS_MAX) {
      throw new ClientError(
        'overloaded',
        `${WAITING_REQUESTS_MAX} requests already wait for a member to become reachable`,
      );
    }
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, withinMs);
      signal?.addEventListener('abort', wake);
      this.#waiting.add(wake);
    });
    if (this.#closed) throw new ClientError('closed', 'the client was closed');
  }

  /** Ends every connection and everyone that waits for one. */
  async close(): Promise<void> {
    this.#closed = true;
    this.onChange();
    await Promise.all([...this.#links.values()].map((link) => link.stop()));
    await Promise.all(this.#left);
  }

  #remove(peerId: string): void {
    const link = this.#links.get(peerId);
    if (link === undefined) return;
    this.#links.delete(peerId);
    // Not awaited: this may run inside the heartbeat of the very link that ends.
    const ended: Promise<void> = link.stop().finally(() => this.#left.delete(ended));
    this.#left.add(ended);
  }
}
