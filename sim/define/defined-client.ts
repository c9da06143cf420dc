/**
 * A client of a defined scenario: asks for its operations one after the other, each at its time or
 * later, again until it is answered, and records what it asked and what it was told.
 */
import type { Operation } from '../checkers/linearizability.js';
import type { Context, Process } from '../world/index.js';
import type { Call, ClientDefinition, Settings } from './definition.js';

const RETRY_MICROSECONDS = 300_000;

export interface RecordedOperation<Asked, Answer> extends Operation<Asked, Answer> {
  output: Answer | null;
  returnMicroseconds: number | null;
}

/** What a client is asked to do, by time. */
export interface Task<Asked> {
  readonly atMicroseconds: number;
  readonly operation: Asked;
}

export interface ClientOptions<Own extends Settings, Message, Asked, Answer> {
  readonly client: number;
  readonly settings: Own;
  readonly nodes: readonly string[];
  readonly tasks: readonly Task<Asked>[];
  readonly definition: ClientDefinition<Own, Message, Asked, Answer>;
  readonly keyOf: (operation: Asked) => string;
  readonly history: RecordedOperation<Asked, Answer>[];
}

export class DefinedClient<
  Own extends Settings,
  Message,
  Value,
  Asked,
  Answer,
> implements Process<Message> {
  readonly #options: ClientOptions<Own, Message, Asked, Answer>;
  readonly #context: Context<Message, Value>;
  #next = 0;
  #attempt = 0;
  #open: RecordedOperation<Asked, Answer> | undefined;

  constructor(
    options: ClientOptions<Own, Message, Asked, Answer>,
    context: Context<Message, Value>,
  ) {
    this.#options = options;
    this.#context = context;
    this.#waitForNext();
  }

  /** Whether everything that it was to ask for has come to an end. */
  get isIdle(): boolean {
    return this.#open === undefined && this.#next === this.#options.tasks.length;
  }

  /** What it waits for, for the message of a run that does not settle. */
  describe(): string {
    const { client, tasks } = this.#options;
    const what = this.#open === undefined ? tasks[this.#next]?.operation : this.#open.input;
    return `client ${client} has asked ${this.#attempt} times for ${JSON.stringify(what)}`;
  }

  onTick(tag: string): void {
    if (tag === 'next') this.#begin();
    else if (this.#open !== undefined) this.#ask(this.#open);
  }

  onMessage(_from: string, message: Message): void {
    const open = this.#open;
    if (open === undefined) return;
    const answer = this.#options.definition.answer(message, this.#call());
    if (answer === undefined) return;
    if (answer === 'refused') {
      // It has had no effect: a history is without it.
      const { history } = this.#options;
      history.splice(history.indexOf(open), 1);
    } else {
      open.output = answer.output;
      open.returnMicroseconds = this.#context.nowMicroseconds;
    }
    this.#finish();
  }

  onDiskSynced(): void {
    // A client keeps nothing.
  }

  #begin(): void {
    const { client, tasks, keyOf, history } = this.#options;
    const input = tasks[this.#next]!.operation;
    this.#next += 1;
    this.#open = {
      client,
      key: keyOf(input),
      input,
      output: null,
      callMicroseconds: this.#context.nowMicroseconds,
      returnMicroseconds: null,
    };
    history.push(this.#open);
    this.#ask(this.#open);
  }

  #ask(open: RecordedOperation<Asked, Answer>): void {
    const { definition } = this.#options;
    if (this.#attempt >= (definition.attemptsMax ?? Infinity)) {
      this.#finish();
      return;
    }
    this.#attempt += 1;
    const { to, message } = definition.request(open.input, this.#call());
    this.#context.send(to, message);
    this.#context.setTimer(definition.retryMicroseconds ?? RETRY_MICROSECONDS, 'again');
  }

  #finish(): void {
    this.#context.clearTimer('again');
    this.#open = undefined;
    this.#attempt = 0;
    this.#waitForNext();
  }

  #waitForNext(): void {
    const next = this.#options.tasks[this.#next];
    if (next === undefined) return;
    const delay = Math.max(0, next.atMicroseconds - this.#context.nowMicroseconds);
    this.#context.setTimer(delay, 'next');
  }

  #call(): Call<Own> {
    const { client, settings, nodes } = this.#options;
    const context = this.#context;
    return {
      id: `${client}/${this.#next}`,
      client,
      attempt: this.#attempt,
      settings,
      nodes,
      random: () => context.random(),
    };
  }
}
