/** Topics of a swarm: publishing, and subscriptions that go on when a member is lost. */
import { randomUUID } from 'node:crypto';

import { z } from 'zod';

import { topicNameProblem } from '../topics/name.js';
import type { AnswerSchema } from './answers.js';
import { ClientError, messageOf } from './errors.js';
import { judgeFailure } from './failure.js';
import type { Verdict } from './failure.js';
import type { Links } from './links.js';
import type { Request, RequestOptions } from './requests.js';
import { TopicSubscription, isWithoutTopics } from './topic-subscription.js';
import type { MessageSchema } from './topic-subscription.js';
import { withinDeadline } from './within-deadline.js';

/** A member may let a publisher wait its turn. */
const PUBLISH_ATTEMPT_FACTOR = 5;

const publishedSchema = z.object({
  members: z.number().int().nonnegative(),
  here: z.number().int().nonnegative(),
});

/** To how many a message was given; whether they read it is not known. */
export interface Published {
  /** Other members with a subscriber to this topic, or to one that shares its channel. */
  readonly members: number;
  /** Subscribers at the member that was asked. */
  readonly here: number;
  /** Peer id of that member. */
  readonly servedBy: string;
}

export interface PublishOptions<Message> extends RequestOptions {
  /** Checks the message before it goes out, for example a schema of zod. */
  readonly schema?: MessageSchema<Message>;
}

export interface SubscribeOptions<Message> extends Pick<RequestOptions, 'only' | 'deadlineMs'> {
  /** Messages that it refuses are left out, and counted in `refused`. */
  readonly schema?: MessageSchema<Message>;
}

type Ask = <T>(
  schema: AnswerSchema<T>,
  method: string,
  payload: unknown,
  options: RequestOptions & Pick<Request, 'judge'>,
  factor: number,
) => Promise<T & { readonly servedBy: string }>;

export class Topics {
  readonly #links: Links;
  readonly #ask: Ask;
  readonly #open = new Set<TopicSubscription<unknown>>();
  /** Messages of one client through one member arrive in order, so it is asked first again. */
  #servedBy: string | undefined;

  constructor(links: Links, ask: Ask) {
    this.#links = links;
    this.#ask = ask;
  }

  /**
   * Gives a message to the subscribers that there are now, at all members. Best effort: nobody says
   * that it arrived. Rejects with `ClientError`; `refused` with reason `no-topics` when no member has
   * topics.
   */
  async publish<Message>(
    topic: string,
    message: Message,
    options: PublishOptions<Message> = {},
  ): Promise<Published> {
    checkName(topic);
    const { schema, ...request } = options;
    const checked: unknown = schema === undefined ? message : parsed(schema, topic, message);
    // A copy that is sent again has the same id, by which subscribers tell it.
    const payload = { topic, id: randomUUID(), message: checked };
    const through = this.#servedBy === undefined ? {} : { through: this.#servedBy };
    const asked = { ...through, ...request, judge: this.#judge(request.only) };
    const answer = await this.#ask(
      publishedSchema,
      'topics.publish',
      payload,
      asked,
      PUBLISH_ATTEMPT_FACTOR,
    );
    this.#servedBy = answer.servedBy;
    return answer;
  }

  /**
   * Subscribes and waits until a member has said that it delivers from now on. Read it with
   * `for await`, and close it. When its member is lost it goes on at another one, and the first message
   * after that says that some may be missing. `only` names the one member that may serve it. Rejects
   * with `ClientError`; `refused` with reason `no-topics` when no member has topics.
   */
  async subscribe<Message = unknown>(
    topic: string,
    options: SubscribeOptions<Message> = {},
  ): Promise<TopicSubscription<Message>> {
    checkName(topic);
    const { only, schema, deadlineMs = this.#links.settings.deadlineMs } = options;
    const subscription = new TopicSubscription<Message>({
      topic,
      only,
      schema,
      links: this.#links,
      onClose: () => this.#open.delete(subscription),
    });
    this.#open.add(subscription);
    const late = (): ClientError => {
      const why =
        `no member has taken the subscription to ${topic} within ${deadlineMs / 1_000} s: ` +
        subscription.problem;
      return new ClientError('deadline-exceeded', why);
    };
    try {
      await withinDeadline(subscription.ready, deadlineMs, late);
      return subscription;
    } catch (error) {
      subscription.close();
      throw error;
    }
  }

  close(): void {
    for (const subscription of this.#open) subscription.close();
  }

  /** A member without topics does not speak for the others; when all have none, it is final. */
  #judge(only: string | undefined): (error: unknown) => Verdict {
    let without = 0;
    return (error) => {
      const verdict = judgeFailure(error);
      if (!isWithoutTopics(error)) return verdict;
      without += 1;
      const connected = [...this.#links.links()].filter(
        (link) => link.connection !== undefined && (only === undefined || link.peerId === only),
      );
      return { ...verdict, retry: without < connected.length };
    };
  }
}

function checkName(topic: string): void {
  const problem = topicNameProblem(topic);
  if (problem !== undefined) throw new ClientError('invalid', problem);
}

function parsed<Message>(schema: MessageSchema<Message>, topic: string, message: unknown): Message {
  try {
    return schema.parse(message);
  } catch (cause) {
    const why = `the message does not fit the schema of topic ${topic}: ${messageOf(cause)}`;
    throw new ClientError('invalid', why, { cause });
  }
}
