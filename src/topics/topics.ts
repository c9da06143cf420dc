/** Typed topics on gossipsub: what is published is signed, judged before relay, and bounded. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from '@libp2p/gossipsub';
import type { z } from 'zod';
import { encodeEnvelope } from './envelope.js';
import { TopicError, messageOf } from './error.js';
import { openGossipNode, type GossipNode } from './gossip-node.js';
import { libp2pKeyOf, type KeyOwner } from './identity.js';
import { Judge, type Refusal } from './judge.js';
import {
  BYTES_PER_SECOND_MAX,
  MESSAGES_PER_SECOND_MAX,
  PUBLISHES_WAITING_MAX,
  SUBSCRIPTIONS_MAX,
  TOPICS_MAX,
} from './limits.js';
import { Links } from './links.js';
import { Mailbox, type MailboxOptions } from './mailbox.js';
import { topicNameProblem } from './name.js';
import { Offences } from './offences.js';
import { Rate } from './rate.js';

/** In front of the names, so that later versions of the bytes can stand beside these. */
const PREFIX = 'agentic-flow/topics/1/';
const SWEEP_EVERY_MS = 30_000;

/** The schema of each topic. A message that it refuses is never relayed: all members need the same. */
export type TopicSchemas = Readonly<Record<string, z.ZodType>>;

export interface TopicsOptions<Schemas extends TopicSchemas> {
  /** Of this process alone: two processes with one key look like replays of one another. */
  readonly identity: KeyOwner;
  /** For example `/ip4/0.0.0.0/udp/4001/quic-v1`. Port 0 is any. */
  readonly listen: readonly string[];
  readonly topics: Schemas;
  /** Kept connected, with their peer ids: `/ip4/192.0.2.7/udp/4001/quic-v1/p2p/12D3Koo…`. */
  readonly peers?: readonly string[];
  /**
   * Who may take part, by peer id (`topicPeerId`). Others are neither connected nor relayed for.
   * Asked again for each message, and each second for each connection.
   */
  readonly allow: (peerId: string) => boolean;
  /** What is not an error of a call: a peer that cannot be reached. */
  readonly onProblem?: (sentence: string) => void;
}

/** A message for a subscriber. */
export interface Delivery<Body> {
  readonly message: Body;
  /** Peer id of who signed it. */
  readonly from: string;
  /** Start of the sending process, and the number of the message since, from 1. */
  readonly epoch: number;
  readonly sequence: number;
  /** By the clock of the sender. Milliseconds since 1970. */
  readonly sentMs: number;
  /** Messages that the mailbox dropped directly before this one. */
  readonly droppedBefore: number;
}

type Stored = Omit<Delivery<unknown>, 'droppedBefore'>;

export interface Subscription<Body> extends AsyncIterable<Delivery<Body>> {
  /** Messages that were dropped because this reader was slow. */
  readonly dropped: number;
  /** With a handler: resolves when closed, rejects with what the handler threw. */
  readonly finished: Promise<void>;
  close(): void;
}

export interface PublishOptions {
  /** Resolve with 0 when no peer subscribes, instead of failing. */
  readonly allowNobody?: boolean;
}

export interface TopicsReport {
  /** Peers that gossipsub speaks with, each with its score (below -80 nothing of it is read). */
  readonly peers: readonly { readonly peerId: string; readonly score: number }[];
  readonly accepted: number;
  readonly refused: Readonly<Partial<Record<Refusal, number>>>;
}

interface Topic {
  readonly name: string;
  readonly schema: z.ZodType;
  readonly mailboxes: Set<Mailbox<Stored>>;
  readonly rate: Rate;
  sequence: number;
  waiting: number;
  turn: Promise<unknown>;
}

/** Throws `TopicError`. */
export async function openTopics<Schemas extends TopicSchemas>(
  options: TopicsOptions<Schemas>,
): Promise<Topics<Schemas>> {
  checkNames(Object.keys(options.topics));
  const topics = new Topics<Schemas>(options);
  await topics.open();
  return topics;
}

export class Topics<Schemas extends TopicSchemas> {
  readonly #options: TopicsOptions<Schemas>;
  /** By the name that gossipsub knows. */
  readonly #topics = new Map<string, Topic>();
  readonly #offences = new Offences(() => performance.now());
  readonly #judge: Judge;
  readonly #epoch = Date.now();
  readonly #refused: Partial<Record<Refusal, number>> = {};
  readonly #closing = new AbortController();
  #accepted = 0;
  #node!: GossipNode;
  #links!: Links;
  #sweeps: NodeJS.Timeout | undefined;

  /** For `openTopics`. */
  constructor(options: TopicsOptions<Schemas>) {
    this.#options = options;
    for (const [name, schema] of Object.entries(options.topics)) {
      this.#topics.set(PREFIX + name, {
        name,
        schema,
        mailboxes: new Set(),
        rate: new Rate(MESSAGES_PER_SECOND_MAX, BYTES_PER_SECOND_MAX, performance.now()),
        sequence: 0,
        waiting: 0,
        turn: Promise.resolve(),
      });
    }
    this.#judge = new Judge(
      {
        isAllowed: (peerId) => this.#isAllowed(peerId),
        parse: (topic, body) => this.#parse(topic, body),
        nowMs: Date.now,
      },
      this.#offences,
    );
  }

  /** For `openTopics`. */
  async open(): Promise<void> {
    const { identity, listen, peers = [], onProblem = () => undefined } = this.#options;
    const isAllowed = (peerId: string): boolean => this.#isAllowed(peerId);
    this.#node = await openGossipNode({
      key: libp2pKeyOf(identity),
      listen,
      gossipTopics: [...this.#topics.keys()],
      isAllowed,
      offences: (peerId) => this.#offences.score(peerId),
      judge: (relay, message) => this.#receive(relay, message),
    });
    const { streamsOutbound } = this.#node.services.pubsub;
    const isSpokenTo = (peerId: string): boolean => streamsOutbound.has(peerId);
    this.#links = new Links(this.#node, { isAllowed, isSpokenTo, onProblem });
    try {
      for (const peer of peers) this.#links.add(peer);
    } catch (error) {
      await this.#node.stop();
      throw error;
    }
    this.#links.start();
    this.#sweeps = setInterval(() => this.#judge.sweep(), SWEEP_EVERY_MS);
    this.#sweeps.unref();
  }

  /** Of this process. */
  get peerId(): string {
    return this.#node.peerId.toString();
  }

  /** Where others reach this process, for their `peers`. */
  get addresses(): string[] {
    return this.#node.getMultiaddrs().map((address) => address.toString());
  }

  /** Keeps a connection to one more peer, or to one that has moved. Throws `TopicError`. */
  addPeer(address: string): void {
    this.#throwIfClosed();
    this.#links.add(address);
  }

  /** Keeps no connection to a peer any more; `allow` says whether one that stands may stay. */
  removePeer(peerId: string): void {
    this.#links.remove(peerId);
  }

  /**
   * Peer ids of those connected that subscribe to a topic. Throws `TopicError` `unknown-topic`.
   */
  subscribers(name: keyof Schemas & string): string[] {
    this.#topicOf(name);
    const { pubsub } = this.#node.services;
    return pubsub.getSubscribers(PREFIX + name).map((peer) => peer.toString());
  }

  /**
   * Signs a message and gives it to peers; resolves with how many took it into their streams. That
   * is no acknowledgement. Calls beyond the rate of a topic wait their turn. Subscribers of this
   * process do not get it. Rejects with `TopicError` `unknown-topic`, `bad-message`, `too-large`,
   * `no-subscribers`, `overloaded` or `closed`.
   */
  async publish<Name extends keyof Schemas & string>(
    name: Name,
    message: z.input<Schemas[Name]>,
    options: PublishOptions = {},
  ): Promise<number> {
    this.#throwIfClosed();
    const topic = this.#topicOf(name);
    const parsed = safeParse(topic.schema, message);
    if (parsed.error !== undefined) {
      const why = `the message does not fit the schema of topic ${name}: ${parsed.error}`;
      throw new TopicError('bad-message', why);
    }
    if (topic.waiting >= PUBLISHES_WAITING_MAX) {
      const why =
        `${topic.waiting} messages wait to be published in topic ${name}; await each publish, ` +
        'and publish less';
      throw new TopicError('overloaded', why);
    }
    // Encoded now: the caller may change the message after the call.
    const bytes = encodeEnvelope(name, this.#envelope(topic, message));
    topic.waiting += 1;
    const sent = topic.turn.then(() => this.#send(topic, bytes, options.allowNobody ?? false));
    topic.turn = sent.catch(() => undefined);
    try {
      return await sent;
    } finally {
      topic.waiting -= 1;
    }
  }

  /**
   * Messages of others from now on: read them with `for await`, or give a handler, which gets them
   * one after the other. Throws `TopicError` `unknown-topic`, `overloaded`, `bad-option`, `closed`.
   */
  subscribe<Name extends keyof Schemas & string>(
    name: Name,
    handler?: (delivery: Delivery<z.output<Schemas[Name]>>) => void | Promise<void>,
    options: MailboxOptions = {},
  ): Subscription<z.output<Schemas[Name]>> {
    this.#throwIfClosed();
    const topic = this.#topicOf(name);
    if (topic.mailboxes.size >= SUBSCRIPTIONS_MAX) {
      const why =
        `topic ${name} has ${topic.mailboxes.size} subscriptions in this process; close some, or ` +
        'share one';
      throw new TopicError('overloaded', why);
    }
    const { pubsub } = this.#node.services;
    const mailbox = new Mailbox<Stored>(options, () => {
      topic.mailboxes.delete(mailbox);
      if (topic.mailboxes.size === 0 && !this.#closing.signal.aborted) {
        pubsub.unsubscribe(PREFIX + name);
      }
    });
    topic.mailboxes.add(mailbox);
    pubsub.subscribe(PREFIX + name);
    type Body = z.output<Schemas[Name]>;
    const deliveries = mailbox as AsyncIterable<Delivery<Body>>;
    return {
      get dropped() {
        return mailbox.dropped;
      },
      finished: handler === undefined ? Promise.resolve() : handAll(deliveries, handler),
      close: () => mailbox.close(),
      [Symbol.asyncIterator]: () => deliveries[Symbol.asyncIterator](),
    };
  }

  report(): TopicsReport {
    const { pubsub } = this.#node.services;
    const peers = pubsub.getPeers().map((peer) => {
      const peerId = peer.toString();
      return { peerId, score: pubsub.getScore(peerId) };
    });
    return { peers, accepted: this.#accepted, refused: { ...this.#refused } };
  }

  /** Ends all subscriptions, which can still read what they hold, and leaves. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    clearInterval(this.#sweeps);
    this.#links.stop();
    for (const { mailboxes } of this.#topics.values()) {
      for (const mailbox of mailboxes) mailbox.end();
    }
    await this.#node.stop();
  }

  #envelope(topic: Topic, body: unknown) {
    topic.sequence += 1;
    return { epoch: this.#epoch, sequence: topic.sequence, sentMs: Date.now(), body };
  }

  async #send(topic: Topic, bytes: Uint8Array, allowNobody: boolean): Promise<number> {
    const { signal } = this.#closing;
    for (;;) {
      this.#throwIfClosed();
      const waitMs = topic.rate.take(bytes.length, performance.now());
      if (waitMs === 0) break;
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
    const { pubsub } = this.#node.services;
    try {
      const { recipients } = await pubsub.publish(PREFIX + topic.name, bytes);
      if (recipients.length > 0 || allowNobody) return recipients.length;
    } catch (error) {
      if (!messageOf(error).includes('NoPeersSubscribedToTopic')) throw error;
      if (allowNobody) return 0;
    }
    const connected = pubsub.getPeers().length;
    const why =
      `none of the ${connected} connected peers takes messages of topic ${topic.name}; wait until ` +
      'one subscribes, or publish with allowNobody';
    throw new TopicError('no-subscribers', why);
  }

  #receive(relay: string, message: Message): 'accept' | 'ignore' | 'reject' {
    const topic = this.#topics.get(message.topic);
    // Gossipsub takes neither: `allowedTopics` and strict signing.
    if (topic === undefined || message.type !== 'signed') return 'reject';
    const author = message.from.toString();
    const bytes = message.data;
    const verdict = this.#judge.judge({ topic: message.topic, author, relay, bytes });
    if (verdict.outcome !== 'accept') {
      this.#refused[verdict.refusal] = (this.#refused[verdict.refusal] ?? 0) + 1;
      return verdict.outcome;
    }
    this.#accepted += 1;
    const { body, ...rest } = verdict.envelope;
    const stored: Stored = { message: body, from: author, ...rest };
    for (const mailbox of topic.mailboxes) mailbox.put(stored, bytes.length);
    return 'accept';
  }

  #parse(gossipTopic: string, body: unknown): { readonly body: unknown } | undefined {
    const parsed = safeParse(this.#topics.get(gossipTopic)!.schema, body);
    return parsed.error === undefined ? { body: parsed.body } : undefined;
  }

  #isAllowed(peerId: string): boolean {
    return this.#options.allow(peerId);
  }

  #topicOf(name: string): Topic {
    const topic = this.#topics.get(PREFIX + name);
    if (topic !== undefined) return topic;
    const known = [...this.#topics.values()].map((each) => each.name).join(', ');
    const why = `topic ${name} is not known; name it at openTopics, where there are: ${known}`;
    throw new TopicError('unknown-topic', why);
  }

  #throwIfClosed(): void {
    if (this.#closing.signal.aborted) {
      throw new TopicError('closed', 'the topics are closed; open them again');
    }
  }
}

async function handAll<Item>(
  items: AsyncIterable<Item>,
  handler: (item: Item) => void | Promise<void>,
): Promise<void> {
  for await (const item of items) await handler(item);
}

/** What a schema throws (a check of its own, a promise in it) counts as its refusal. */
function safeParse(
  schema: z.ZodType,
  value: unknown,
): { readonly body: unknown; readonly error?: string } {
  try {
    const { data, error } = schema.safeParse(value);
    if (error === undefined) return { body: data };
    const issues = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    return { body: undefined, error: issues.join('; ') };
  } catch (error) {
    return { body: undefined, error: messageOf(error) };
  }
}

function checkNames(names: readonly string[]): void {
  if (names.length === 0 || names.length > TOPICS_MAX) {
    const why = `${names.length} topics were named; name 1 to ${TOPICS_MAX}`;
    throw new TopicError('bad-option', why);
  }
  const why = names.map(topicNameProblem).find((problem) => problem !== undefined);
  if (why === undefined) return;
  throw new TopicError('bad-option', why);
}
