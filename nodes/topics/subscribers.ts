/** The clients of a node that listen to topics: a mailbox each, so that a slow one holds up nobody. */
import { Mailbox } from '../../src/topics/mailbox.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { bytesOf, channelOf } from './content.js';
import type { TopicContent } from './content.js';
import {
  MAILBOX_BYTES_MAX,
  MAILBOX_MESSAGES_MAX,
  SUBSCRIPTIONS_MAX,
  SUBSCRIPTIONS_PER_PEER_MAX,
} from './limits.js';

/** A message as clients get it, but for what was dropped before it. */
export interface Delivered extends Omit<TopicContent, 'topic'> {
  /** Peer id of the member through which it was published, and that vouches for its author. */
  readonly from: string;
  /** By the clock of that member. Milliseconds since 1970. */
  readonly sentMs: number;
}

export class Subscribers {
  readonly #mailboxes = new Map<string, Set<Mailbox<Delivered>>>();
  readonly #perPeer = new Map<string, number>();
  /** Topics with a subscriber, by channel. */
  readonly #topicsOf = new Map<string, Set<string>>();
  #count = 0;

  /** Told when a channel gets its first subscriber, and when it has lost its last one. */
  constructor(readonly channelChanged: (channel: string, isWanted: boolean) => void) {}

  get count(): number {
    return this.#count;
  }

  /** Channels that somebody here wants to hear. */
  channels(): Iterable<string> {
    return this.#topicsOf.keys();
  }

  /** Throws `RpcError` `overloaded`. `signal`: the subscriber is gone. */
  add(topic: string, peerId: string, signal: AbortSignal): Mailbox<Delivered> {
    this.#requireRoom(peerId);
    const bounds = { messagesMax: MAILBOX_MESSAGES_MAX, bytesMax: MAILBOX_BYTES_MAX };
    const mailbox = new Mailbox<Delivered>(bounds, () => this.#remove(topic, peerId, mailbox));
    this.#count += 1;
    this.#perPeer.set(peerId, (this.#perPeer.get(peerId) ?? 0) + 1);
    let mailboxes = this.#mailboxes.get(topic);
    if (mailboxes === undefined) {
      mailboxes = new Set();
      this.#mailboxes.set(topic, mailboxes);
      this.#addTopic(topic);
    }
    mailboxes.add(mailbox);
    if (signal.aborted) mailbox.close();
    else signal.addEventListener('abort', () => mailbox.close(), { once: true });
    return mailbox;
  }

  /** Resolves with how many subscribers of this node got it. */
  deliver({ topic, ...rest }: TopicContent, from: string, sentMs: number): number {
    const mailboxes = this.#mailboxes.get(topic);
    if (mailboxes === undefined) return 0;
    const delivered: Delivered = { ...rest, from, sentMs };
    const bytes = bytesOf(rest.message);
    for (const mailbox of mailboxes) mailbox.put(delivered, bytes);
    return mailboxes.size;
  }

  /** Nobody gets anything more; what waits can still be read. */
  end(): void {
    for (const mailboxes of this.#mailboxes.values()) {
      for (const mailbox of mailboxes) mailbox.end();
    }
  }

  #requireRoom(peerId: string): void {
    if ((this.#perPeer.get(peerId) ?? 0) >= SUBSCRIPTIONS_PER_PEER_MAX) {
      const why =
        `${peerId} has ${SUBSCRIPTIONS_PER_PEER_MAX} subscriptions at this node, which is all that ` +
        'one client can have; close some, or share them';
      throw new RpcError('overloaded', why);
    }
    if (this.#count < SUBSCRIPTIONS_MAX) return;
    const why = `the node has ${SUBSCRIPTIONS_MAX} subscriptions, which is all that it can`;
    throw new RpcError('overloaded', why);
  }

  #addTopic(topic: string): void {
    const channel = channelOf(topic);
    const topics = this.#topicsOf.get(channel);
    if (topics !== undefined) {
      topics.add(topic);
      return;
    }
    this.#topicsOf.set(channel, new Set([topic]));
    this.channelChanged(channel, true);
  }

  #remove(topic: string, peerId: string, mailbox: Mailbox<Delivered>): void {
    this.#count -= 1;
    const left = (this.#perPeer.get(peerId) ?? 1) - 1;
    if (left === 0) this.#perPeer.delete(peerId);
    else this.#perPeer.set(peerId, left);
    const mailboxes = this.#mailboxes.get(topic);
    mailboxes?.delete(mailbox);
    if (mailboxes === undefined || mailboxes.size > 0) return;
    this.#mailboxes.delete(topic);
    const channel = channelOf(topic);
    const topics = this.#topicsOf.get(channel);
    topics?.delete(topic);
    if (topics === undefined || topics.size > 0) return;
    this.#topicsOf.delete(channel);
    this.channelChanged(channel, false);
  }
}
