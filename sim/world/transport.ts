import { drawDelay } from './delay.js';
import type { MessageEvent } from './events.js';
import type { Host } from './host.js';
import { limits } from './limits.js';
import type { Link } from './link.js';
import type { Network } from './network.js';
import type { NodeState, Route } from './node.js';
import type { WorldOptions } from './options.js';
import type { Timeline } from './timeline.js';

/** Carries messages between nodes: asks the network when, and keeps what links hold. */
export class Transport<Message, Value> {
  readonly #timeline: Timeline<Message, Value>;
  readonly #network: Network;
  readonly #host: Host<Message, Value>;
  readonly #sizeOf: (message: Message) => number;
  /** What clogged links hold, in the order of arrival. */
  readonly #held = new Map<Link, MessageEvent<Message, Value>[]>();

  constructor(
    timeline: Timeline<Message, Value>,
    network: Network,
    host: Host<Message, Value>,
    options: WorldOptions<Message>,
  ) {
    this.#timeline = timeline;
    this.#network = network;
    this.#host = host;
    this.#sizeOf = options.sizeOf ?? usualSize;
  }

  /** Sends to oneself arrive next, whatever the network does. */
  send({ link, target }: Route<Message, Value>, sender: NodeState<Message, Value>, sent: Message) {
    const timeline = this.#timeline;
    const now = timeline.nowMicroseconds;
    const message = sent instanceof Uint8Array ? (sent.slice() as Message & Uint8Array) : sent;
    const event: MessageEvent<Message, Value> = {
      kind: 'message',
      node: target,
      link,
      message,
      sentMicroseconds: now,
      connection: link.connection,
    };
    if (timeline.observer !== undefined) {
      const { from, to } = link;
      timeline.observer({ kind: 'sent', atMicroseconds: now, from, to, message });
    }
    if (target === sender) return timeline.push(now, event);
    if (link.isForgotten) return this.#meetStatelessReset(event, sender);
    const isLimited = (link.options.bytesPerSecond ?? 0) > 0;
    const passage = this.#network.pass(link, now, isLimited ? this.#sizeOf(message) : 0);
    if (passage.lost !== undefined) return timeline.lose(event, passage.lost);
    const { arrivalMicroseconds, duplicateMicroseconds, replayMicroseconds } = passage;
    timeline.push(arrivalMicroseconds, event);
    if (duplicateMicroseconds >= 0) timeline.push(duplicateMicroseconds, event);
    if (replayMicroseconds >= 0) {
      timeline.push(replayMicroseconds, {
        ...event,
        connection: this.#network.replayConnection,
      });
    }
  }

  /** A message has come to the end of its link. */
  arrive(event: MessageEvent<Message, Value>): void {
    const { link, connection } = event;
    if (connection !== link.connection && connection !== this.#network.replayConnection) {
      return this.#timeline.lose(event, 'connection-lost');
    }
    if (link.isBlocked) return this.#timeline.lose(event, 'blocked');
    if (!link.isClogged) return this.#host.receive(event);
    const held = this.#held.get(link) ?? [];
    if (held.length >= limits.messagesHeldPerLinkMax) {
      return this.#timeline.lose(event, 'queue-full');
    }
    held.push(event);
    this.#held.set(link, held);
  }

  /** Lets a clogged link deliver what it holds, in order. */
  unclog(link: Link): void {
    link.isClogged = false;
    const held = this.#held.get(link) ?? [];
    this.#held.delete(link);
    for (const event of held) this.arrive(event);
  }

  /** Both ends lose what is on its way, and both are told. */
  reset(one: NodeState<Message, Value>, other: NodeState<Message, Value>): void {
    this.#disconnect(one, other);
    this.#host.planConnectionLost(one, other, 0);
    this.#host.planConnectionLost(other, one, 0);
  }

  /** `seenBy` is told; `peer` learns of it when it sends next. */
  resetStateless(seenBy: NodeState<Message, Value>, peer: NodeState<Message, Value>): void {
    this.#disconnect(seenBy, peer);
    this.#network.link(peer.name.text, seenBy.name.text).isForgotten = true;
    this.#host.planConnectionLost(seenBy, peer, 0);
  }

  /** What is on its way to the node's old address is lost; every path is validated anew. */
  changeAddress(node: string, others: readonly string[]): void {
    for (const other of others) {
      if (other === node) continue;
      const inward = this.#network.link(other, node);
      this.#endConnection(inward);
      inward.needsPathValidation = true;
      this.#network.link(node, other).needsPathValidation = true;
    }
  }

  #disconnect(one: NodeState<Message, Value>, other: NodeState<Message, Value>): void {
    this.#endConnection(this.#network.link(one.name.text, other.name.text));
    this.#endConnection(this.#network.link(other.name.text, one.name.text));
  }

  #endConnection(link: Link): void {
    link.connection += 1;
    link.isForgotten = false;
    link.lastArrivalMicroseconds = 0;
    link.freeAtMicroseconds = 0;
    for (const event of this.#held.get(link) ?? []) this.#timeline.lose(event, 'connection-lost');
    this.#held.delete(link);
  }

  /** The answer of the peer, which knows no such connection, comes after a round trip. */
  #meetStatelessReset(
    event: MessageEvent<Message, Value>,
    sender: NodeState<Message, Value>,
  ): void {
    const { link } = event;
    link.isForgotten = false;
    this.#timeline.lose(event, 'connection-lost');
    const { delay } = link.options;
    const roundTrip = drawDelay(delay, link.random) + drawDelay(delay, link.random);
    this.#host.planConnectionLost(sender, event.node, roundTrip);
  }
}

function usualSize(message: unknown): number {
  if (message instanceof Uint8Array || typeof message === 'string') return message.length;
  return limits.messageBytesUsual;
}
