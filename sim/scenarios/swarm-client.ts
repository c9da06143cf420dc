/**
 * A client of a simulated swarm: what its plan asks, one request at a time, repeated at another node
 * until it is answered, with a session so that a repeated write is applied once. Records what it did
 * and saw.
 */
import type { Command } from '../../nodes/control-plane/command.js';
import type { Context, NodeProgram, Process, World } from '../world/index.js';
import { nodeName } from './swarm-messages.js';
import type { SwarmMessage } from './swarm-messages.js';
import type { MemoryOperation, Task } from './swarm-operations.js';

export interface RecordedOperation {
  readonly client: number;
  readonly key: string;
  readonly input: { readonly kind: 'insert'; readonly content: string } | { readonly kind: 'get' };
  output: string | null;
  readonly callMicroseconds: number;
  returnMicroseconds: number | null;
}

interface ClientOptions extends SharedOptions {
  readonly clientId: number;
  readonly tasks: readonly Task<MemoryOperation>[];
}

/** What all clients of a run have in common. */
interface SharedOptions {
  readonly nodeIds: readonly number[];
  readonly history: RecordedOperation[];
  /** Set by the scenario: clients finish what they do and begin nothing new. */
  readonly isDone: () => boolean;
}

const RETRY_MICROSECONDS = 400_000;

/** Adds a client to the world for each that has something to do. */
export function addSwarmClients(
  world: World<SwarmMessage, unknown>,
  tasksOfClients: ReadonlyMap<number, readonly Task<MemoryOperation>[]>,
  shared: SharedOptions,
): void {
  for (const [clientId, tasks] of tasksOfClients) {
    const options = { ...shared, clientId, tasks };
    const program: NodeProgram<SwarmMessage, unknown> = {
      start: (_disk, context) => new SwarmClientProcess(options, context),
    };
    world.addNode(`client-${clientId}`, program);
  }
}

class SwarmClientProcess implements Process<SwarmMessage> {
  readonly #options: ClientOptions;
  readonly #context: Context<SwarmMessage, unknown>;
  #session = 0;
  #sequence = 0;
  #request = 0;
  /** Tasks that were begun. */
  #begun = 0;
  #sending: ((request: number) => SwarmMessage) | undefined;
  #operation: RecordedOperation | undefined;

  constructor(options: ClientOptions, context: Context<SwarmMessage, unknown>) {
    this.#options = options;
    this.#context = context;
    this.#begin(undefined, this.#command({ type: 'openSession', owner: context.name }));
  }

  onTick(tag: string): void {
    if (tag === 'retry' && this.#sending !== undefined) this.#send();
    if (tag === 'next') this.#next();
  }

  onDiskSynced(): void {
    // A client keeps nothing.
  }

  onMessage(_from: string, message: SwarmMessage): void {
    // An answer to an earlier try of the same request is an answer to the request.
    if (!('request' in message) || message.request !== this.#request) return;
    if (message.kind === 'result') this.#takeResult(message.result);
    else if (message.kind === 'value') this.#finish(message.content);
    else if (message.kind === 'try-again') this.#context.setTimer(20_000, 'retry');
  }

  #takeResult(result: Extract<SwarmMessage, { kind: 'result' }>['result']): void {
    if (this.#session === 0) {
      this.#session = result.index;
      this.#finish(null);
      return;
    }
    if (!result.ok) throw new Error(`a write was refused: ${result.refusal}`);
    this.#finish(null);
  }

  #next(): void {
    const { clientId, tasks, isDone } = this.#options;
    const task = tasks[this.#begun];
    if (task === undefined || isDone()) return;
    const callMicroseconds = this.#context.nowMicroseconds;
    if (callMicroseconds < task.atMicroseconds) {
      this.#context.setTimer(task.atMicroseconds - callMicroseconds, 'next');
      return;
    }
    this.#begun += 1;
    const { do: what, id: key } = task.operation;
    const common = { client: clientId, key, output: null, callMicroseconds } as const;
    if (what === 'get') {
      const operation = { ...common, input: { kind: 'get' } as const, returnMicroseconds: null };
      this.#begin(operation, (request) => ({ kind: 'get', request, id: key }));
      return;
    }
    this.#sequence += 1;
    const content = `${clientId}-${this.#sequence}`;
    const input = { kind: 'insert', content } as const;
    const command = {
      type: 'insertMemory',
      id: key,
      content,
      metadata: {},
      vector: null,
      timestampMs: 1,
    } as const;
    const write = {
      session: this.#session,
      owner: this.#context.name,
      sequence: this.#sequence,
      command,
    };
    this.#begin(
      { ...common, input, returnMicroseconds: null },
      this.#command({ type: 'memory', ...write }),
    );
  }

  #command(command: Command): (request: number) => SwarmMessage {
    return (request) => ({ kind: 'propose', asker: this.#context.name, request, command });
  }

  #begin(
    operation: RecordedOperation | undefined,
    message: (request: number) => SwarmMessage,
  ): void {
    if (operation !== undefined) this.#options.history.push(operation);
    this.#operation = operation;
    this.#request += 1;
    this.#sending = message;
    this.#send();
  }

  #send(): void {
    const { nodeIds } = this.#options;
    const nodeId = nodeIds[Math.floor(this.#context.random() * nodeIds.length)] ?? 1;
    const message = this.#sending?.(this.#request);
    if (message !== undefined) this.#context.send(nodeName(nodeId), message);
    this.#context.setTimer(RETRY_MICROSECONDS, 'retry');
  }

  #finish(output: RecordedOperation['output']): void {
    if (this.#operation !== undefined) {
      this.#operation.output = output;
      this.#operation.returnMicroseconds = this.#context.nowMicroseconds;
    }
    this.#operation = undefined;
    this.#sending = undefined;
    this.#request += 1;
    this.#context.clearTimer('retry');
    this.#next();
  }
}
