/** The way to the other validators: one link to each of those of this height and the next. */
import type { ValidatorId } from '../../consensus/bft/index.js';
import type { PeerEndpoint } from '../../transport/rpc/rpc.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { PeerLinks } from '../groups/links.js';
import { payloadOf } from './inbox.js';
import { CALL_TIMEOUT_MS } from './limits.js';
import type { ChainSets } from './sets.js';

/** How a peer is called. */
export interface CallSettings {
  readonly timeoutMs: number;
  /** See `CallOptions` of `transport/rpc`. */
  readonly urgency?: number;
}

/** See the head of this file. */
export class Peers {
  readonly #self: ValidatorId;
  readonly #sets: ChainSets;
  readonly #onBack: (peer: ValidatorId) => void;
  /** Numbers that the links know them by, from 1 on; none is ever of somebody else. */
  readonly #numbers = new Map<ValidatorId, number>();
  readonly #ids: ValidatorId[] = [];
  #others: readonly ValidatorId[];
  #endpoint: PeerEndpoint | null = null;
  #links: PeerLinks | null = null;

  /** `onBack` is told when a way to a peer opens. */
  constructor(self: ValidatorId, sets: ChainSets, onBack: (peer: ValidatorId) => void) {
    this.#self = self;
    this.#sets = sets;
    this.#onBack = onBack;
    this.#others = this.#current();
  }

  /** All validators of this height and the next but this one. */
  get others(): readonly ValidatorId[] {
    return this.#others;
  }

  open(endpoint: PeerEndpoint): void {
    this.#endpoint = endpoint;
    const back = (number: number): void => this.#onBack(this.#ids[number - 1] as ValidatorId);
    this.#links = new PeerLinks(endpoint, { gone: () => {}, back }, 'bft');
    this.#link();
  }

  /** Follows a change of the validators: ways to new ones open, those of removed ones end. */
  update(): void {
    const before = this.#others;
    this.#others = this.#current();
    this.#link();
    for (const id of before) if (!this.#others.includes(id)) this.end(id, 'no validator any more');
  }

  /** Ends the connections that a peer has made. */
  end(peer: ValidatorId, why: string): void {
    for (const connection of this.#endpoint?.connections() ?? []) {
      if (connection.peerId === peer) void connection.close(0, why);
    }
  }

  tell(peer: ValidatorId, kind: number, bytes: Uint8Array): void {
    this.#links?.send(this.#numberOf(peer), payloadOf(kind, bytes), { inOrder: true });
  }

  tellAll(kind: number, bytes: Uint8Array): void {
    for (const peer of this.#others) this.tell(peer, kind, bytes);
  }

  /** Rejects when the peer cannot be reached. */
  call(
    peer: ValidatorId,
    method: string,
    payload: unknown,
    { timeoutMs, urgency }: CallSettings = { timeoutMs: CALL_TIMEOUT_MS },
  ): Promise<unknown> {
    if (this.#links === null) return Promise.reject(new RpcError('unavailable', 'not started'));
    return this.#links.call(this.#numberOf(peer), method, payload, timeoutMs, urgency);
  }

  /** A peer has named its process. */
  greeted(peer: ValidatorId, incarnation: string): void {
    if (this.#numbers.has(peer)) this.#links?.greeted(this.#numberOf(peer), incarnation);
  }

  get upCount(): number {
    const links = this.#links;
    return this.#others.filter((id) => links?.isUp(this.#numberOf(id)) === true).length;
  }

  close(): void {
    this.#links?.close();
  }

  #current(): readonly ValidatorId[] {
    return this.#sets.peers.filter((id) => id !== this.#self);
  }

  #link(): void {
    const addresses = this.#others.flatMap((id) => {
      const address = this.#sets.addressOf(id);
      return address === undefined ? [] : [[this.#numberOf(id), address] as const];
    });
    this.#links?.update(new Map(addresses));
  }

  #numberOf(peer: ValidatorId): number {
    const known = this.#numbers.get(peer);
    if (known !== undefined) return known;
    const number = this.#ids.push(peer);
    this.#numbers.set(peer, number);
    return number;
  }
}
