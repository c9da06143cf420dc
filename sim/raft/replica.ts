/** A user's machine behind client sessions: what every node applies to (Raft section 8, thesis 6.3). */
import type { Entry } from '../../consensus/raft/index.js';
import type { Json } from '../explore/plan.js';
import type { StateMachine } from './state-machine.js';

/** A write as it stands in the log. */
export interface LoggedCommand {
  readonly client: string;
  /** From 1 on; 0 outside of a session. */
  readonly sequence: number;
  readonly operation: Json;
}

/** What applying a command came to. */
export interface Applied {
  readonly command: LoggedCommand;
  readonly result: Json;
  /** Where the command has had its effect: earlier, if this one is a copy. */
  readonly index: number;
  readonly isCopy: boolean;
}

interface Session {
  readonly sequence: number;
  readonly result: Json;
  readonly index: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeCommand(command: LoggedCommand): Uint8Array {
  const { client, sequence, operation } = command;
  return encoder.encode(JSON.stringify([client, sequence, operation]));
}

function decodeCommand(data: Uint8Array): LoggedCommand {
  const parsed = JSON.parse(decoder.decode(data)) as [string, number, Json];
  const [client, sequence, operation] = parsed;
  return { client, sequence, operation };
}

/** See the head of this file. A client of a session has one write on its way at a time. */
export class Replica {
  readonly machine: StateMachine;
  readonly #sessions = new Map<string, Session>();

  constructor(machine: StateMachine) {
    this.machine = machine;
  }

  apply({ data, index }: Entry): Applied {
    const command = decodeCommand(data);
    const { client, sequence, operation } = command;
    const session = this.#sessions.get(client);
    if (sequence > 0 && session !== undefined && sequence <= session.sequence) {
      const isLast = sequence === session.sequence;
      return {
        command,
        result: isLast ? session.result : null,
        index: session.index,
        isCopy: true,
      };
    }
    const result = this.machine.apply(operation, index);
    if (sequence > 0) this.#sessions.set(client, { sequence, result, index });
    return { command, result, index, isCopy: false };
  }

  read(query: Json): Json {
    return this.machine.read(query);
  }

  /** Machine and sessions as a text that is equal for equal replicas. */
  snapshot(): string {
    const sessions = [...this.#sessions].sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify([sessions, this.machine.snapshot()]);
  }

  restore(text: string): void {
    const [sessions, machine] = JSON.parse(text) as [[string, Session][], Json];
    this.#sessions.clear();
    for (const [client, session] of sessions) this.#sessions.set(client, session);
    this.machine.restore(machine);
  }
}
