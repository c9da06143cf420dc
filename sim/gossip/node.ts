/** A simulated member: the core of production, driven by the clock and the network of a world. */
import { Gossip, gossipConfig } from '../../consensus/gossip/index.js';
import type {
  GossipEffect,
  GossipInput,
  MemberId,
  MemberView,
} from '../../consensus/gossip/index.js';
import type { Context, Process } from '../world/index.js';
import { peerIdOf, publicKeyOf, signaturesOf } from './signatures.js';

export interface GossipMessage {
  readonly via: 'datagram' | 'stream';
  readonly bytes: Uint8Array;
}

/** What a run is told by its members, and tells them. */
export interface GossipWatch {
  /** Whom the swarm has admitted, as a node that starts reads it in its log. */
  readonly admitted: () => readonly MemberId[];
  readonly sent: (by: MemberId, message: GossipMessage) => void;
  readonly changed: (by: MemberId, member: MemberView) => void;
  readonly refused: (by: MemberId, from: MemberId, refusal: string) => void;
}

type NodeContext = Context<GossipMessage, never>;
type Event<Type> = Type extends GossipInput ? Omit<Type, 'nowMs'> : never;

export class GossipNode implements Process<GossipMessage> {
  readonly id: MemberId;
  readonly gossip: Gossip;
  readonly #context: NodeContext;
  readonly #watch: GossipWatch;
  #timerMs = Infinity;

  constructor(id: MemberId, context: NodeContext, watch: GossipWatch) {
    this.id = id;
    this.#context = context;
    this.#watch = watch;
    this.gossip = new Gossip(
      gossipConfig({
        self: id,
        swarm: 'simulated',
        publicKey: publicKeyOf(id),
        signatures: signaturesOf(id),
        metadata: new Uint8Array([id % 256]),
        // The clock on the wall jumps, so that a node may come back with an earlier one.
        firstIncarnation: Math.max(0, Math.floor(context.wallMicroseconds / 1_000)),
        random: () => context.random(),
      }),
    );
    this.admit(watch.admitted());
  }

  /** The log of the swarm says who is admitted. */
  admit(ids: readonly MemberId[]): void {
    this.#step({ type: 'admission', members: new Map(ids.map((id) => [id, peerIdOf(id)])) });
  }

  leave(): void {
    this.#step({ type: 'leave' });
  }

  onMessage(from: string, { via, bytes }: GossipMessage): void {
    this.#step({ type: 'message', from: idOf(from), via, bytes });
  }

  onTick(): void {
    this.#timerMs = Infinity;
    this.#step({ type: 'tick' });
  }

  onDiskSynced(): void {
    // A member keeps nothing.
  }

  #step(event: Event<GossipInput>): void {
    const nowMs = this.#context.clockMicroseconds / 1_000;
    for (const effect of this.gossip.step({ ...event, nowMs })) this.#carryOut(effect);
    const { nextMs } = this.gossip;
    if (nextMs === this.#timerMs || nextMs === Infinity) return;
    this.#timerMs = nextMs;
    this.#context.setTimer(Math.max(1, Math.ceil((nextMs - nowMs) * 1_000)), 'gossip');
  }

  #carryOut(effect: GossipEffect): void {
    switch (effect.type) {
      case 'send': {
        const message = { via: effect.via, bytes: effect.bytes };
        this.#watch.sent(this.id, message);
        this.#context.send(nodeName(effect.to), message);
        break;
      }
      case 'changed':
        this.#watch.changed(this.id, effect.member);
        break;
      case 'refused':
        this.#watch.refused(this.id, effect.from, effect.refusal);
        break;
    }
  }
}

/** The name of a member in a world. */
export function nodeName(id: MemberId): string {
  return `node-${id}`;
}

/** The member of that name. */
function idOf(name: string): MemberId {
  return Number(name.slice('node-'.length));
}
