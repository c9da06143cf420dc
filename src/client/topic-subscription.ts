/**
 * A subscription of a client to a topic:
 *
 *   asking --the member delivers from now on--> reading --the member is lost--> asking ...
 *      |                                           |
 *      '------- refused for good, or closed -------'--> ended
 *
 * It reads ahead a little and then waits for its reader: what is too much is dropped by the member,
 * which counts it.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { z } from 'zod';

import { TIMEOUT_MS_MAX } from '../../transport/rpc/limits.js';
import { PushSource } from '../../transport/rpc/push-source.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { ClientError, messageOf } from './errors.js';
import {
  BACKOFF_MS_MAX,
  BACKOFF_MS_MIN,
  TOPIC_COPIES_REMEMBERED,
  TOPIC_MESSAGES_AHEAD_MAX,
} from './limits.js';
import type { Links, Reachable } from './links.js';

/** A schema of zod, or anything that returns a message in its agreed form and throws otherwise. */
export interface MessageSchema<Message> {
  parse(value: unknown): Message;
}

export interface TopicDelivery<Message> {
  readonly message: Message;
  /** Peer id of the client that published it, for which the member `from` vouches. */
  readonly author: string;
  /** Peer id of the member through which it was published. */
  readonly from: string;
  /** By the clock of that member. Milliseconds since 1970. */
  readonly sentMs: number;
  /** Messages that the member of this client dropped before this one, since it was read too slowly. */
  readonly droppedBefore: number;
  /** The member of this client was lost before this message: what was published meanwhile is missing. */
  readonly gapBefore: boolean;
}

export interface SubscriptionSetup<Message> {
  readonly topic: string;
  readonly only: string | undefined;
  readonly schema: MessageSchema<Message> | undefined;
  readonly links: Links;
  readonly onClose: () => void;
}

const begunSchema = z.object({ isSubscribed: z.literal(true) });
const deliverySchema = z.object({
  id: z.string(),
  message: z.unknown(),
  author: z.string(),
  from: z.string(),
  sentMs: z.number(),
  droppedBefore: z.number().int().nonnegative(),
});

/** Read with `for await`, by one reader; leaving the loop closes it. */
export class TopicSubscription<Message> implements AsyncIterable<TopicDelivery<Message>> {
  /** Resolves when a member delivers from now on; rejects with `ClientError`. */
  readonly ready: Promise<void>;
  readonly #setup: SubscriptionSetup<Message>;
  readonly #closing = new AbortController();
  readonly #ahead = new PushSource<TopicDelivery<Message>>(() => this.close());
  /** Author and id of the last messages, oldest first. */
  readonly #copies = new Set<string>();
  /** Members that said that they have no topics, since one was last tried that has. */
  readonly #without = new Map<string, RpcError>();
  #onReady: () => void = () => undefined;
  #onRefused: (error: ClientError) => void = () => undefined;
  #wakeReader: () => void = () => undefined;
  #servedBy: string | undefined;
  #problem = 'no member is connected';
  /** Something was heard, and may have been missed since. */
  #isGap = false;
  /** The next message is the first one after a gap. */
  #isGapNext = false;
  #moves = 0;
  #refused = 0;
  /** Dropped with messages that the reader does not get. */
  #droppedBefore = 0;

  constructor(setup: SubscriptionSetup<Message>) {
    this.#setup = setup;
    this.ready = new Promise((resolve, reject) => {
      this.#onReady = resolve;
      this.#onRefused = reject;
    });
    // Who waits for it hears it; nobody has to.
    this.ready.catch(() => undefined);
    void this.#run();
  }

  /** Peer id of the member that delivers; undefined while there is none. */
  get servedBy(): string | undefined {
    return this.#servedBy;
  }

  /** Why it is not served, as far as known. */
  get problem(): string {
    return this.#problem;
  }

  /** How often a member was lost and another one took over. */
  get moves(): number {
    return this.#moves;
  }

  /** Messages that the schema refused. */
  get refused(): number {
    return this.#refused;
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#end(new ClientError('closed', `the subscription to ${this.#setup.topic} was closed`));
    this.#ahead.end();
  }

  /** Ends when it is closed; throws `ClientError` when no member takes it any more for good. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TopicDelivery<Message>> {
    try {
      for await (const delivery of this.#ahead) {
        this.#wakeReader();
        yield delivery;
      }
    } finally {
      this.close();
    }
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  #end(error: ClientError): void {
    this.#servedBy = undefined;
    this.#onRefused(error);
    this.#wakeReader();
    this.#setup.onClose();
  }

  async #run(): Promise<void> {
    let backoffMs = BACKOFF_MS_MIN;
    while (!this.#isClosed) {
      try {
        const member = this.#choose();
        if (member === undefined) await this.#setup.links.changed(BACKOFF_MS_MAX);
        else if (await this.#read(member)) backoffMs = BACKOFF_MS_MIN;
      } catch (error) {
        const final = this.#finalOf(error);
        this.#problem = messageOf(error);
        if (final !== undefined && !this.#isClosed) {
          this.#end(final);
          this.#ahead.end(final);
          return;
        }
      }
      this.#servedBy = undefined;
      await sleep(backoffMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MS_MAX);
    }
  }

  /** Members take turns; those without topics are left out while there are others. */
  #choose(): Reachable | undefined {
    const { links, only } = this.#setup;
    const connected = links.callers(only);
    if (connected.length === 0) return undefined;
    const left = connected.filter(({ peerId }) => !this.#without.has(peerId));
    if (left.length > 0) return left[links.nextTurn() % left.length];
    const [refusal] = this.#without.values();
    this.#without.clear();
    // Before the first member has served it, this is the answer; later one of them may come back.
    if (this.#moves === 0 && !this.#isGap) throw refusedBy(this.#setup.topic, refusal);
    return undefined;
  }

  /** Reads until the member is lost; resolves with whether it has served. */
  async #read({ peerId, connection }: Reachable): Promise<boolean> {
    const { topic } = this.#setup;
    const options = { timeoutMs: TIMEOUT_MS_MAX, signal: this.#closing.signal };
    const items = connection.serverStream('topics.subscribe', { topic }, options);
    try {
      for await (const item of items) {
        if (this.#servedBy === undefined) this.#begin(peerId, item);
        else await this.#take(item);
      }
    } catch (error) {
      if (isWithoutTopics(error)) this.#without.set(peerId, error);
      if (this.#servedBy === undefined || this.#finalOf(error) !== undefined) throw error;
    }
    return this.#servedBy !== undefined;
  }

  #begin(peerId: string, item: unknown): void {
    begunSchema.parse(item);
    if (this.#isGap) this.#moves += 1;
    this.#servedBy = peerId;
    this.#without.clear();
    this.#isGapNext = this.#isGap;
    // Whatever ends this one, messages may be missed until the next one has begun.
    this.#isGap = true;
    this.#onReady();
  }

  async #take(item: unknown): Promise<void> {
    const { id, droppedBefore, ...delivery } = deliverySchema.parse(item);
    this.#droppedBefore += droppedBefore;
    const message = this.#isCopy(`${delivery.author} ${id}`) ? undefined : this.#parsed(delivery);
    if (message === undefined) return;
    this.#ahead.push({
      ...delivery,
      message: message.value,
      droppedBefore: this.#droppedBefore,
      gapBefore: this.#isGapNext,
    });
    this.#droppedBefore = 0;
    this.#isGapNext = false;
    while (this.#ahead.size >= TOPIC_MESSAGES_AHEAD_MAX && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  #isCopy(key: string): boolean {
    if (this.#copies.has(key)) return true;
    this.#copies.add(key);
    const [oldest] = this.#copies;
    if (this.#copies.size > TOPIC_COPIES_REMEMBERED && oldest !== undefined) {
      this.#copies.delete(oldest);
    }
    return false;
  }

  #parsed(delivery: { readonly message: unknown }): { readonly value: Message } | undefined {
    const { schema } = this.#setup;
    if (schema === undefined) return { value: delivery.message as Message };
    try {
      return { value: schema.parse(delivery.message) };
    } catch {
      this.#refused += 1;
      return undefined;
    }
  }

  /** What another try, or another member, does not mend. */
  #finalOf(error: unknown): ClientError | undefined {
    if (error instanceof ClientError) return error;
    if (error instanceof z.ZodError) {
      const why = `a member delivers what is no message of a topic: ${messageOf(error)}`;
      return new ClientError('failed', why, { cause: error });
    }
    if (!(error instanceof RpcError)) return undefined;
    if (error.code !== 'permission-denied' && error.code !== 'malformed') return undefined;
    const code = error.code === 'malformed' ? 'failed' : error.code;
    return new ClientError(code, error.message, { reason: error.reason, cause: error });
  }
}

/** True for a member that has no topics, or is of a release before them. */
export function isWithoutTopics(error: unknown): error is RpcError {
  if (!(error instanceof RpcError)) return false;
  return error.code === 'unknown-method' || error.reason === 'no-topics';
}

function refusedBy(topic: string, error: RpcError | undefined): ClientError {
  const why = `no member takes the subscription to ${topic}: ${messageOf(error)}`;
  return new ClientError('refused', why, { reason: 'no-topics', cause: error });
}
