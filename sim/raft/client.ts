/**
 * A client of a group. It performs its operations one after the other, each at its time or later,
 * and asks another node whenever one refuses or is silent:
 *
 *     waiting --time--> asked --ok--> done, next
 *                       ^   |
 *                       |   +--refused--> back off --+
 *                       +--------- asked again <-----+
 *                           |
 *                           +--silent, or unknown: a write outside of a session ends so
 */
import type { Operation } from '../checkers/linearizability.js';
import type { Json, TimedOperation } from '../explore/plan.js';
import { type Context, type NodeProgram, type Process, RandomStream } from '../world/index.js';
import type { ClientAsk, ClientReply, RaftMessage } from './messages.js';
import type { RaftObserver } from './observer.js';
import type { RaftValue } from './stored.js';

/** A read or a write, as it stands in the history. */
export interface RecordedOperation extends Operation<Json, Json> {
  readonly isWrite: boolean;
  output: Json;
  returnMicroseconds: number | null;
}

/** An operation with what it asks for. */
export interface ClientTask {
  readonly timed: TimedOperation;
  readonly ask: ClientAsk;
  /** The node that is asked at first, 0 for any. */
  readonly node: number;
}

export interface ClientOptions {
  readonly seed: number;
  readonly tasks: readonly ClientTask[];
  /** Names of the nodes by their id; the first place is not used. */
  readonly names: readonly string[];
  readonly usesSessions: boolean;
  readonly attemptMicroseconds: number;
  readonly keyOf: (operation: Json) => string;
  readonly history: RecordedOperation[];
  readonly observer: RaftObserver;
}

/** How long a client waits after a refusal. */
const BACK_OFF_MICROSECONDS = 50_000;
/** By how many times the wait for an answer grows. */
const PATIENCE_MAX = 8;
/** It grows no further than this: others may be there that answer. */
const PATIENCE_MICROSECONDS_MAX = 4_000_000;
/** How often an administrator asks before it gives up. */
const ADMIN_ATTEMPTS_MAX = 6;

/** The program of one client; `started` is told its process. */
export function raftClient(
  options: ClientOptions,
  started: (client: RaftClient) => void,
): NodeProgram<RaftMessage, RaftValue> {
  return {
    start: (_disk, context) => {
      const client = new RaftClient(options, context);
      started(client);
      return client;
    },
  };
}

/** See the head of this file. */
export class RaftClient implements Process<RaftMessage> {
  readonly #options: ClientOptions;
  readonly #context: Context<RaftMessage, RaftValue>;
  #next = 0;
  #task: ClientTask | null = null;
  #record: RecordedOperation | null = null;
  #random: RandomStream | null = null;
  #attempt = 0;
  #attemptsOfTask = 0;
  #sequence = 0;
  /** The node that is asked, and 0 while the client backs off. */
  #asked = 0;
  #leader = 0;

  constructor(options: ClientOptions, context: Context<RaftMessage, RaftValue>) {
    this.#options = options;
    this.#context = context;
    this.#waitForNext();
  }

  /** Operations that have not ended. */
  get operationsLeft(): number {
    return this.#options.tasks.length - this.#next + (this.#task === null ? 0 : 1);
  }

  get isIdle(): boolean {
    return this.operationsLeft === 0;
  }

  /** Since when the client waits for the answer to a read or a write; null if it does not. */
  get waitsSinceMicroseconds(): number | null {
    return this.#record?.callMicroseconds ?? null;
  }

  /** What the client is waiting for, in words. */
  describe(): string {
    const what = JSON.stringify(this.#task?.timed.operation ?? null);
    return `${this.#context.name} has asked ${this.#attemptsOfTask} times for ${what}`;
  }

  onTick(tag: string): void {
    if (tag === 'next') this.#begin();
    else if (this.#asked === 0) this.#ask();
    else this.#silent();
  }

  onDiskSynced(): void {
    // A client keeps nothing.
  }

  onMessage(from: string, message: RaftMessage): void {
    if (message instanceof Uint8Array || message.type !== 'client-reply') return;
    if (message.attempt !== this.#attempt || this.#task === null) return;
    this.#leader = message.leader;
    if (message.outcome === 'ok') this.#succeed(from, message);
    else if (message.outcome === 'refused') this.#backOff();
    else this.#silent();
  }

  #waitForNext(): void {
    const task = this.#options.tasks[this.#next];
    if (task === undefined) return;
    const delay = task.timed.atMicroseconds - this.#context.nowMicroseconds;
    this.#context.setTimer(Math.max(0, delay), 'next');
  }

  #begin(): void {
    const task = this.#options.tasks[this.#next] as ClientTask;
    const { timed, ask } = task;
    this.#next += 1;
    this.#task = task;
    this.#attemptsOfTask = 0;
    // Of its own, so that leaving out an operation does not move the draws of another.
    const stream = `operation ${timed.client} ${timed.atMicroseconds}`;
    this.#random = new RandomStream(this.#options.seed, stream);
    if (ask.kind === 'write') this.#sequence += 1;
    if (ask.kind === 'write' || ask.kind === 'read') {
      this.#record = {
        client: timed.client,
        key: this.#options.keyOf(ask.operation),
        input: ask.operation,
        isWrite: ask.kind === 'write',
        output: null,
        callMicroseconds: this.#context.nowMicroseconds,
        returnMicroseconds: null,
      };
      this.#options.history.push(this.#record);
    }
    this.#ask();
  }

  #ask(): void {
    const { names, usesSessions, attemptMicroseconds } = this.#options;
    const { ask, node } = this.#task as ClientTask;
    const random = this.#random as RandomStream;
    const drawn = random.integer(1, names.length - 1);
    const isStray = random.chance(0.1);
    this.#asked = this.#leader === 0 || isStray ? drawn : this.#leader;
    if (node > 0 && this.#attemptsOfTask === 0) this.#asked = node;
    this.#attempt += 1;
    this.#attemptsOfTask += 1;
    const sequence = ask.kind === 'write' && usesSessions ? this.#sequence : 0;
    const { name } = this.#context;
    const to = names[this.#asked] ?? name;
    this.#context.send(to, { type: 'client-request', attempt: this.#attempt, sequence, ask });
    // Longer each time: a group that is slow would drown in copies.
    const patience = Math.min(this.#attemptsOfTask, PATIENCE_MAX) * attemptMicroseconds;
    const most = Math.max(attemptMicroseconds, PATIENCE_MICROSECONDS_MAX);
    this.#context.setTimer(Math.min(patience, most), 'attempt');
  }

  #backOff(): void {
    this.#asked = 0;
    if (this.#givesUp()) return;
    const random = this.#random as RandomStream;
    const delay = random.integer(BACK_OFF_MICROSECONDS, 3 * BACK_OFF_MICROSECONDS);
    this.#context.setTimer(delay, 'attempt');
  }

  /** Nobody knows what has become of the attempt. */
  #silent(): void {
    this.#leader = 0;
    if (this.#givesUp()) return;
    const { ask } = this.#task as ClientTask;
    if (ask.kind === 'write' && !this.#options.usesSessions) this.#finish();
    else this.#ask();
  }

  #givesUp(): boolean {
    const kind = this.#task?.ask.kind;
    if (kind === 'write' || kind === 'read') return false;
    if (this.#attemptsOfTask < ADMIN_ATTEMPTS_MAX) return false;
    this.#finish();
    return true;
  }

  #succeed(from: string, reply: ClientReply): void {
    const record = this.#record;
    if (record !== null) {
      record.output = reply.result;
      record.returnMicroseconds = this.#context.nowMicroseconds;
      const { name } = this.#context;
      const node = this.#options.names.indexOf(from);
      const what = `${name} write ${JSON.stringify(record.input)}`;
      this.#options.observer.answered(name, node, reply, record.isWrite ? what : null);
    }
    this.#finish();
  }

  #finish(): void {
    this.#context.clearTimer('attempt');
    this.#task = null;
    this.#record = null;
    this.#attempt += 1;
    this.#waitForNext();
  }
}
