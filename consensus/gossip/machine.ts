/**
 * Membership by gossip: who is alive. SWIM (Das, Gupta, Motivala, DSN 2002) with Lifeguard (Dadgar,
 * Phillips, Currey, DSN 2018). One node is a `Gossip`; inputs go in by `step`, what it asks for comes
 * out. It owns no clock, socket, key or randomness.
 */
import { decodeMessage } from './codec.js';
import { gossipConfig } from './config.js';
import type { GossipConfig } from './config.js';
import type { GossipEffect, MemberView } from './effect.js';
import { GossipError } from './error.js';
import type { GossipInput } from './input.js';
import { expireSuspicions, learn } from './judging.js';
import { MEMBERS_MAX, METADATA_BYTES_MAX } from './limits.js';
import type { Message } from './message.js';
import { Prober } from './probe.js';
import { PushPull } from './push-pull.js';
import { Relays } from './relays.js';
import { GossipState } from './state.js';
import { sendDatagram } from './telling.js';
import type { MemberId } from './types.js';

/** A tick that comes later than this says that the process did not run meanwhile. */
const LATE_MS = 100;

export class Gossip {
  readonly #state: GossipState;
  readonly #prober: Prober;
  readonly #relays: Relays;
  readonly #pushPull: PushPull;
  #sequence: number;
  #gossipAtMs = 0;

  /** Throws `GossipError` with code `bad-config`. */
  constructor(config: GossipConfig) {
    const state = new GossipState(gossipConfig(config));
    this.#state = state;
    // Answers to a process before this one must not count.
    this.#sequence = state.below(2 ** 31);
    const next = (): number => (this.#sequence += 1);
    this.#prober = new Prober(state, next);
    this.#relays = new Relays(state, next);
    this.#pushPull = new PushPull(state);
    state.broadcasts.add(state.own);
  }

  /** When the next tick is due, by the clock of the inputs; Infinity while there is nothing to do. */
  get nextMs(): number {
    const state = this.#state;
    if (!state.takesPart) return Infinity;
    let next = Math.min(this.#relays.nextMs, this.#pushPull.nextMs);
    if (!state.hasLeft) next = Math.min(next, this.#prober.nextMs);
    if (this.#hasNews) next = Math.min(next, this.#gossipAtMs);
    for (const id of state.suspects) {
      next = Math.min(next, state.known.get(id)?.suspicion?.deadlineMs ?? Infinity);
    }
    return next;
  }

  /** Everybody who is admitted, in the order of the admission. */
  members(): MemberView[] {
    return [...this.#state.admitted.keys()].map((id) => this.#state.view(id));
  }

  /** What this node holds of one member. */
  member(id: MemberId): MemberView {
    return this.#state.view(id);
  }

  /** The score of this node's own health; 0 is well (Lifeguard 4.1). */
  get awareness(): number {
    return this.#state.awareness.score;
  }

  /** Whether all that was to be told has been; after `leave` the process may end then. */
  get isDrained(): boolean {
    return !this.#hasNews;
  }

  /** Throws `GossipError` with code `too-large` for metadata or an admission beyond the limits. */
  step(input: GossipInput): GossipEffect[] {
    this.#advance(input.nowMs);
    switch (input.type) {
      case 'tick':
        break;
      case 'message':
        this.#receive(input.from, input.via, input.bytes);
        break;
      case 'admission':
        this.#admit(input.members);
        break;
      case 'metadata':
        this.#describe(input.metadata);
        break;
      case 'leave':
        this.#leave();
        break;
    }
    this.#tick();
    const effects = this.#state.takeEffects();
    for (const effect of effects) {
      if (effect.type !== 'changed') continue;
      if (effect.member.status === 'alive') this.#prober.added(effect.member.id);
    }
    return effects;
  }

  get #hasNews(): boolean {
    return this.#state.broadcasts.size > 0 && this.#state.reachable.length > 0;
  }

  /**
   * A process that stood still has heard nobody meanwhile: that time is not held against the others
   * (Lifeguard 3, "slow processing of messages").
   */
  #advance(nowMs: number): void {
    const state = this.#state;
    const lateMs = nowMs - Math.max(this.nextMs, state.nowMs);
    if (nowMs > state.nowMs) state.nowMs = nowMs;
    if (!(lateMs > LATE_MS)) return;
    // Short delays are those of any busy process; only a long one says that it is unwell.
    if (lateMs >= state.config.probePeriodMs) state.awareness.change(1);
    this.#prober.delay(lateMs);
    this.#relays.delay(lateMs);
    for (const id of state.suspects) state.known.get(id)?.suspicion?.extend(lateMs);
  }

  #tick(): void {
    const state = this.#state;
    if (!state.takesPart) return;
    if (!state.hasLeft) {
      expireSuspicions(state);
      this.#prober.tick();
    }
    this.#relays.tick();
    this.#pushPull.tick();
    if (!this.#hasNews || state.nowMs < this.#gossipAtMs) return;
    this.#gossipAtMs = state.nowMs + state.config.gossipPeriodMs;
    for (const id of state.pick(state.reachable, state.config.fanout)) {
      sendDatagram(state, id, { type: 'gossip' });
    }
  }

  #receive(from: MemberId, via: 'datagram' | 'stream', bytes: Uint8Array): void {
    const state = this.#state;
    if (!state.admitted.has(from) || from === state.config.self) {
      state.refuse(from, 'stranger');
      return;
    }
    let message: Message;
    try {
      message = decodeMessage(bytes, via);
    } catch (error) {
      if (!(error instanceof GossipError)) throw error;
      state.refuse(from, 'malformed');
      return;
    }
    const before = state.known.get(from)?.status;
    for (const item of message.items) learn(state, from, item);
    const known = state.known.get(from);
    // Who is heard of for the first time, or is back, knows others that this node does not.
    if (known === undefined || (known.status === 'alive' && before === 'dead')) {
      this.#pushPull.want(from);
    }
    this.#handle(from, message);
  }

  #handle(from: MemberId, message: Message): void {
    switch (message.type) {
      case 'ping': {
        const { self } = this.#state.config;
        const { sequence } = message;
        sendDatagram(this.#state, from, { type: 'ack', sequence, target: self });
        break;
      }
      case 'ack':
        this.#prober.acked(from, message.sequence, message.target);
        if (message.target === from) this.#relays.acked(from, message.sequence);
        break;
      case 'pingRequest':
        this.#relays.request(from, message.sequence, message.target);
        break;
      case 'nack':
        this.#prober.nacked(from, message.sequence);
        break;
      case 'summary':
        this.#pushPull.summarised(from, message);
        break;
      case 'records':
        this.#pushPull.joined();
        break;
      case 'gossip':
        break;
    }
  }

  #admit(members: ReadonlyMap<MemberId, string>): void {
    if (members.size > MEMBERS_MAX) {
      throw new GossipError('too-large', `gossip: ${members.size} members are over ${MEMBERS_MAX}`);
    }
    const state = this.#state;
    const before = state.admitted;
    state.admitted = new Map(members);
    for (const id of before.keys()) {
      if (members.get(id) !== before.get(id)) state.forget(id);
    }
  }

  #describe(metadata: Uint8Array): void {
    if (metadata.length > METADATA_BYTES_MAX) {
      throw new GossipError(
        'too-large',
        `gossip: metadata of ${metadata.length} bytes; at most ${METADATA_BYTES_MAX} are told`,
      );
    }
    const { own, hasLeft } = this.#state;
    if (hasLeft) return;
    const metadataVersion = own.record.metadataVersion + 1;
    this.#state.renew(own.record.incarnation + 1, { metadata: metadata.slice(), metadataVersion });
  }

  #leave(): void {
    const { own, hasLeft } = this.#state;
    if (!hasLeft) this.#state.renew(own.record.incarnation + 1, { hasLeft: true });
  }
}
