/**
 * A client with several writes of one session on their way, as `src/client` has them: it sends each
 * that its plan asks for again until it is answered, often to two nodes at once, gives some up, falls
 * silent for longer than the time-out, and never sends a write again in another session when its fate
 * is unknown.
 */
import type { CommandResult } from '../../nodes/control-plane/command.js';
import type { Context, NodeProgram, Process } from '../world/index.js';
import { nodeName } from './swarm-messages.js';
import type { SwarmMessage } from './swarm-messages.js';
import type { SessionOperation, Task } from './swarm-operations.js';

/** What became of the writes of all clients of a run. */
export interface SessionHistory {
  /** Log index by content, of every write that was acknowledged. */
  readonly acknowledged: Map<string, number>;
  /** Writes whose fate was reported as unknown: given up, or their session was gone. */
  readonly unknown: Set<string>;
  /** Clients whose session was gone, with whether they kept it alive all the time. */
  readonly lost: { readonly client: string; readonly keepsAlive: boolean }[];
}

export interface SessionClientOptions {
  readonly nodeIds: readonly number[];
  readonly tasks: readonly Task<SessionOperation>[];
  readonly history: SessionHistory;
  readonly timeoutMs: number;
  /** Writes on their way at a time. */
  readonly window: number;
  /** Whether it says that it wants its session while it is silent. */
  readonly keepsAlive: boolean;
  /** Set by the scenario: clients finish what they do and begin nothing new. */
  readonly isDone: () => boolean;
}

const STEP_MICROSECONDS_MAX = 120_000;
const RETRY_MICROSECONDS = 400_000;

type WriteOperation = Extract<SessionOperation, { readonly do: 'write' }>;
type SilenceOperation = Extract<SessionOperation, { readonly do: 'silence' }>;

interface Write {
  readonly content: string;
  readonly operation: WriteOperation;
  readonly sequence: number;
  tries: number;
  sends: number;
  sentAtMicroseconds: number;
}

export class SessionClient implements Process<SwarmMessage> {
  readonly #options: SessionClientOptions;
  readonly #context: Context<SwarmMessage, unknown>;
  #session = 0;
  #openRequest = 0;
  #request = 0;
  #contents = 0;
  #nextSequence = 1;
  #silentUntilMicroseconds = 0;
  #keptAtMicroseconds = 0;
  #openedAtMicroseconds = -RETRY_MICROSECONDS;
  /** Writes of the session that are awaited, by request. */
  readonly #awaited = new Map<number, Write>();
  /** Writes that were certainly not applied: they go out again. */
  readonly #again: Pick<Write, 'content' | 'operation'>[] = [];
  /** What was not begun yet, in the order of time. */
  readonly #writes: Task<WriteOperation>[] = [];
  readonly #silences: Task<SilenceOperation>[] = [];

  constructor(options: SessionClientOptions, context: Context<SwarmMessage, unknown>) {
    this.#options = options;
    this.#context = context;
    for (const { atMicroseconds, operation } of options.tasks) {
      if (operation.do === 'write') this.#writes.push({ atMicroseconds, operation });
      else this.#silences.push({ atMicroseconds, operation });
    }
    this.#context.setTimer(1, 'step');
  }

  /** Whether nothing is on its way any more. */
  get isIdle(): boolean {
    return this.#awaited.size === 0 && this.#again.length === 0;
  }

  onDiskSynced(): void {
    // A client keeps nothing.
  }

  onTick(): void {
    this.#step();
    const delay = 1 + Math.floor(this.#context.random() * STEP_MICROSECONDS_MAX);
    this.#context.setTimer(delay, 'step');
  }

  onMessage(_from: string, message: SwarmMessage): void {
    if (message.kind !== 'result') return;
    const { request, result } = message;
    if (request === this.#openRequest && this.#session === 0) this.#opened(result);
    const write = this.#awaited.get(request);
    if (write !== undefined) this.#answered(request, write, result);
  }

  #step(): void {
    const { nowMicroseconds } = this.#context;
    const { isDone, window, keepsAlive, timeoutMs } = this.#options;
    this.#fallSilent();
    const silent = nowMicroseconds < this.#silentUntilMicroseconds && !isDone();
    const keepMicroseconds = (timeoutMs * 1_000) / 3;
    if (keepsAlive && !isDone() && nowMicroseconds - this.#keptAtMicroseconds >= keepMicroseconds) {
      this.#keep();
    }
    if (silent) return;
    if (this.#session === 0) {
      if (!isDone() || !this.isIdle) this.#open();
      return;
    }
    for (const write of this.#awaited) this.#retry(...write);
    const again = this.#again.shift();
    if (again !== undefined) this.#begin(again);
    else if (!isDone() && this.#nextSequence < this.#awaitedFrom() + window) this.#next();
  }

  /** Begins the next write if it is time for it. */
  #next(): void {
    const { nowMicroseconds, name } = this.#context;
    const task = this.#writes[0];
    if (task === undefined || nowMicroseconds < task.atMicroseconds) return;
    this.#writes.shift();
    this.#contents += 1;
    this.#begin({ content: `${name}-${this.#contents}`, operation: task.operation });
  }

  /** Falls silent if it is time for it, whatever is on its way. Twice at a time is once. */
  #fallSilent(): void {
    const { nowMicroseconds } = this.#context;
    for (let task = this.#silences[0]; task !== undefined; task = this.#silences[0]) {
      const { atMicroseconds, operation } = task;
      if (nowMicroseconds < atMicroseconds) return;
      this.#silences.shift();
      if (atMicroseconds < this.#silentUntilMicroseconds) continue;
      this.#silentUntilMicroseconds = nowMicroseconds + operation.milliseconds * 1_000;
    }
  }

  #open(): void {
    const { nowMicroseconds, name } = this.#context;
    if (nowMicroseconds - this.#openedAtMicroseconds < RETRY_MICROSECONDS) return;
    this.#openedAtMicroseconds = nowMicroseconds;
    // Opening is repeatable: a session whose answer was lost stays empty and expires.
    this.#openRequest = this.#nextRequest();
    this.#propose(this.#openRequest, { type: 'openSession', owner: name });
  }

  #opened(result: CommandResult): void {
    if (!result.ok) throw new Error(`no session was opened: ${result.refusal}`);
    this.#session = result.value;
    this.#nextSequence = 1;
    this.#keptAtMicroseconds = this.#context.nowMicroseconds;
  }

  #keep(): void {
    this.#keptAtMicroseconds = this.#context.nowMicroseconds;
    if (this.#session === 0) return;
    const { name: owner } = this.#context;
    const command = { type: 'keepSession', session: this.#session, owner, nowMs: 0 } as const;
    this.#propose(this.#nextRequest(), command);
  }

  #begin({ content, operation }: Pick<Write, 'content' | 'operation'>): void {
    const { nowMicroseconds: sentAtMicroseconds } = this.#context;
    const sequence = this.#nextSequence;
    this.#nextSequence += 1;
    const write = { content, operation, sequence, tries: 0, sends: 0, sentAtMicroseconds };
    const request = this.#nextRequest();
    this.#awaited.set(request, write);
    this.#send(request, write);
  }

  #retry(request: number, write: Write): void {
    const { nowMicroseconds } = this.#context;
    if (nowMicroseconds - write.sentAtMicroseconds < RETRY_MICROSECONDS) return;
    const { triesMax } = write.operation;
    if (!this.#options.isDone() && triesMax > 0 && write.tries >= triesMax) {
      this.#options.history.unknown.add(write.content);
      this.#awaited.delete(request);
      return;
    }
    this.#send(request, write);
  }

  #send(request: number, write: Write): void {
    const { name: owner, nowMicroseconds } = this.#context;
    const { content, sequence } = write;
    const { id, copies } = write.operation;
    write.sentAtMicroseconds = nowMicroseconds;
    write.tries += 1;
    const command = {
      type: 'memory',
      session: this.#session,
      owner,
      sequence,
      awaitedFrom: this.#awaitedFrom(),
      command: { type: 'insertMemory', id, content, metadata: {}, vector: null, timestampMs: 1 },
    } as const;
    for (let copy = 0; copy < copies; copy += 1) this.#propose(request, command);
    write.sends += copies;
  }

  #answered(request: number, write: Write, result: CommandResult): void {
    const { history, keepsAlive } = this.#options;
    if (result.ok) {
      history.acknowledged.set(write.content, result.index);
      this.#awaited.delete(request);
      return;
    }
    if (result.refusal !== 'session-unknown') {
      throw new Error(`a write was refused: ${result.refusal}`);
    }
    // Every write that was sent in it is of unknown fate, but for one whose only try was refused.
    history.lost.push({ client: this.#context.name, keepsAlive });
    for (const other of this.#awaited.values()) {
      if (other === write && write.sends === 1) this.#again.push(other);
      else history.unknown.add(other.content);
    }
    this.#awaited.clear();
    this.#session = 0;
  }

  #awaitedFrom(): number {
    let lowest = this.#nextSequence;
    for (const { sequence } of this.#awaited.values()) lowest = Math.min(lowest, sequence);
    return lowest;
  }

  #nextRequest(): number {
    this.#request += 1;
    return this.#request;
  }

  #propose(request: number, command: Extract<SwarmMessage, { kind: 'propose' }>['command']): void {
    const { nodeIds } = this.#options;
    const nodeId = nodeIds[Math.floor(this.#context.random() * nodeIds.length)] ?? 1;
    const asker = this.#context.name;
    this.#context.send(nodeName(nodeId), { kind: 'propose', asker, request, command });
  }
}

/** The program of a client; `started` gets the process, so that the scenario can ask it. */
export function sessionClient(
  options: SessionClientOptions,
  started: (client: SessionClient) => void,
): NodeProgram<SwarmMessage, unknown> {
  return {
    start: (_disk, context) => {
      const client = new SessionClient(options, context);
      started(client);
      return client;
    },
  };
}
