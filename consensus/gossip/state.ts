/**
 * What a node knows of its swarm. A member is, in the eyes of one node:
 *
 *     unknown --record--> alive --claim, or no answer--> suspect --time is over--> dead
 *                         ^ | ^                             |                       |
 *                         | | +-------- newer record -------+-----------------------+
 *      newer record       | |
 *     of who starts anew  | | record of who leaves (from suspect and dead as well)
 *                         | v
 *                        left
 *
 * and nothing at all once the swarm has evicted it.
 */
import { Awareness } from './awareness.js';
import { Broadcasts } from './broadcasts.js';
import { makeClaim, makeRecord, signedPart, signedPrefix } from './codec.js';
import type { GossipConfig } from './config.js';
import { sizeFactor } from './config.js';
import type { GossipEffect, GossipRefusal, MemberView } from './effect.js';
import { assert } from './error.js';
import type { Suspicion } from './suspicion.js';
import type {
  Claim,
  ClaimItem,
  Item,
  MemberId,
  MemberRecord,
  MemberStatus,
  RecordItem,
} from './types.js';

/** What is known of another member of which something was heard. */
export interface Known {
  item: RecordItem;
  status: Exclude<MemberStatus, 'unknown'>;
  sinceMs: number;
  /** While it is suspect. */
  suspicion: Suspicion | undefined;
  /** While it is suspect or dead: what it is told of itself. */
  accusation: ClaimItem | undefined;
}

const NO_BYTES = new Uint8Array(0);

export class GossipState {
  readonly config: GossipConfig;
  readonly awareness = new Awareness();
  readonly broadcasts = new Broadcasts();
  /** Peer ids of those whom the swarm has admitted, this node included. */
  admitted: ReadonlyMap<MemberId, string> = new Map();
  /** Others only. */
  readonly known = new Map<MemberId, Known>();
  readonly suspects = new Set<MemberId>();
  own: RecordItem;
  nowMs = 0;
  readonly #prefix: Uint8Array;
  #effects: GossipEffect[] = [];
  #reachable: MemberId[] | undefined;

  constructor(config: GossipConfig) {
    this.config = config;
    this.#prefix = signedPrefix(config.swarm);
    this.own = this.#signRecord({
      id: config.self,
      incarnation: config.firstIncarnation,
      hasLeft: false,
      metadataVersion: 1,
      metadata: config.metadata.slice(),
      publicKey: config.publicKey,
    });
  }

  /** Whether this node takes part: the swarm has admitted it, as far as it knows. */
  get takesPart(): boolean {
    return this.admitted.has(this.config.self);
  }

  get hasLeft(): boolean {
    return this.own.record.hasLeft;
  }

  /** Others that are alive or suspect. */
  get reachable(): readonly MemberId[] {
    this.#reachable ??= [...this.known]
      .filter(([, { status }]) => status === 'alive' || status === 'suspect')
      .map(([id]) => id);
    return this.#reachable;
  }

  /** Members that are alive or suspect, this node included. */
  get size(): number {
    return this.reachable.length + 1;
  }

  /** How often one piece of news is told (SWIM 4.1). */
  get tellingsMax(): number {
    return Math.ceil(this.config.retransmitFactor * Math.ceil(Math.log10(this.size + 1)));
  }

  get suspicionLeastMs(): number {
    const { suspicionFactor, probePeriodMs } = this.config;
    return suspicionFactor * sizeFactor(this.size) * probePeriodMs;
  }

  view(id: MemberId): MemberView {
    const known = this.known.get(id);
    const record = id === this.config.self ? this.own.record : known?.item.record;
    return {
      id,
      status: known?.status ?? this.#statusWithoutKnown(id),
      sinceMs: known?.sinceMs ?? 0,
      incarnation: record?.incarnation ?? 0,
      metadataVersion: record?.metadataVersion ?? 0,
      metadata: record?.metadata ?? NO_BYTES,
    };
  }

  #statusWithoutKnown(id: MemberId): MemberStatus {
    if (id !== this.config.self) return 'unknown';
    return this.hasLeft ? 'left' : 'alive';
  }

  /** Changes what is known of a member, and tells the driver. */
  put(id: MemberId, known: Known): void {
    assert(id !== this.config.self, 'a node keeps no record of itself among those of others');
    assert(
      (known.status === 'suspect') === (known.suspicion !== undefined),
      'exactly those who are suspect have a suspicion',
    );
    this.known.set(id, known);
    if (known.status === 'suspect') this.suspects.add(id);
    else this.suspects.delete(id);
    this.#reachable = undefined;
    this.#effects.push({ type: 'changed', member: this.view(id) });
  }

  /** Forgets a member that is evicted. */
  forget(id: MemberId): void {
    this.broadcasts.forget(id);
    this.suspects.delete(id);
    this.#reachable = undefined;
    if (this.known.delete(id)) this.#effects.push({ type: 'changed', member: this.view(id) });
  }

  send(to: MemberId, via: 'datagram' | 'stream', bytes: Uint8Array): void {
    this.#effects.push({ type: 'send', to, via, bytes });
  }

  refuse(from: MemberId, refusal: GossipRefusal): void {
    this.#effects.push({ type: 'refused', from, refusal });
  }

  takeEffects(): GossipEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** A new record of this node, which everybody is told. The greater incarnation makes it count. */
  renew(
    incarnation: number,
    change: Partial<Pick<MemberRecord, 'hasLeft' | 'metadata' | 'metadataVersion'>> = {},
  ): void {
    assert(incarnation > this.own.record.incarnation, 'the incarnation of a node only grows');
    this.own = this.#signRecord({ ...this.own.record, ...change, incarnation });
    this.broadcasts.add(this.own);
  }

  /** A claim of this node. */
  accuse(claim: Omit<Claim, 'accuser' | 'signature'>): ClaimItem {
    return makeClaim({ ...claim, accuser: this.config.self }, (part) => this.#sign(part));
  }

  /** Whether the author with this peer id and key has signed the item. */
  isSigned(peerId: string, publicKey: Uint8Array, item: Item): boolean {
    const { signature } = item.kind === 'record' ? item.record : item.claim;
    const bytes = this.#prefixed(signedPart(item));
    return this.config.signatures.verify(peerId, publicKey, bytes, signature);
  }

  /** Up to `count` different ones of the candidates, each as likely as the others. */
  pick(candidates: readonly MemberId[], count: number, excluded?: MemberId): MemberId[] {
    if (candidates.length <= 2 * count + 1) {
      return this.shuffle(candidates.filter((id) => id !== excluded)).slice(0, count);
    }
    const picked = new Set<MemberId>();
    while (picked.size < count) {
      const id = candidates[this.below(candidates.length)]!;
      if (id !== excluded) picked.add(id);
    }
    return [...picked];
  }

  /** In random order (Fisher and Yates). */
  shuffle(ids: readonly MemberId[]): MemberId[] {
    const mixed = [...ids];
    for (let at = mixed.length - 1; at > 0; at -= 1) {
      const other = this.below(at + 1);
      [mixed[at], mixed[other]] = [mixed[other]!, mixed[at]!];
    }
    return mixed;
  }

  /** A whole number from 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor(this.config.random() * count);
  }

  #signRecord(record: Omit<MemberRecord, 'signature'>): RecordItem {
    return makeRecord(record, (part) => this.#sign(part));
  }

  #sign(part: Uint8Array): Uint8Array {
    return this.config.signatures.sign(this.#prefixed(part));
  }

  #prefixed(part: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(this.#prefix.length + part.length);
    bytes.set(this.#prefix);
    bytes.set(part, this.#prefix.length);
    return bytes;
  }
}
