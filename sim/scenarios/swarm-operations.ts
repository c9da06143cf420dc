/**
 * What the clients of a swarm do, as it stands in plans: drawn from the seed with its times, so that
 * the shrinker can leave any of it out. A client does nothing before its time, and begins what it is asked
 * to write or read in order; what it had no time for until everything has healed it leaves.
 */
import type { Json, TimedOperation } from '../explore/plan.js';
import { RandomStream, SimulationError } from '../world/index.js';

/** Ids that all clients write and read, so that they meet. */
const IDS = ['a', 'b', 'c'] as const;
const MINUTE_MS = 60_000;
const TRIES_MAX = 1_000_000;

/** What a client of a rolling migration asks. */
export interface MemoryOperation {
  readonly do: 'insert' | 'get';
  readonly id: string;
}

/** What a client with a session does: writes, or neither sends nor asks again for a while. */
export type SessionOperation =
  | {
      readonly do: 'write';
      readonly id: string;
      /** How many nodes each try goes to: 1 or 2. */
      readonly copies: number;
      /** After so many tries the client gives the write up while faults last; 0 for never. */
      readonly triesMax: number;
    }
  | { readonly do: 'silence'; readonly milliseconds: number };

/** What one client does, in the order of time. */
export interface Task<Operation> {
  readonly atMicroseconds: number;
  readonly operation: Operation;
}

/** Draws what clients 1 to `clients` do until a time, each from a stream of its own. */
function drawTasks(
  seed: number,
  clients: number,
  untilMicroseconds: number,
  pauseMicrosecondsMax: number,
  draw: (random: RandomStream) => MemoryOperation | SessionOperation,
): TimedOperation[] {
  const operations: TimedOperation[] = [];
  for (let client = 1; client <= clients; client += 1) {
    const random = new RandomStream(seed, `operations of client ${client}`);
    const pause = (): number => random.integer(1, pauseMicrosecondsMax);
    for (let at = pause(); at < untilMicroseconds; at += pause()) {
      operations.push({ atMicroseconds: at, client, operation: { ...draw(random) } });
    }
  }
  return operations.sort((a, b) => a.atMicroseconds - b.atMicroseconds);
}

export function drawMemoryOperations(
  seed: number,
  clients: number,
  untilMicroseconds: number,
  pauseMicrosecondsMax = 150_000,
): TimedOperation[] {
  return drawTasks(seed, clients, untilMicroseconds, pauseMicrosecondsMax, (random) => ({
    do: random.chance(0.5) ? 'get' : 'insert',
    id: random.pick(IDS),
  }));
}

export function drawSessionOperations(
  seed: number,
  clients: number,
  untilMicroseconds: number,
  timeoutMs: number,
): TimedOperation[] {
  return drawTasks(seed, clients, untilMicroseconds, 120_000, (random) => {
    // Two and a half times the time-out at most, so that some lose their session.
    if (random.chance(0.02))
      return { do: 'silence', milliseconds: random.integer(1, 2.5 * timeoutMs) };
    return {
      do: 'write',
      id: random.pick(IDS),
      copies: random.chance(0.3) ? 2 : 1,
      triesMax: random.chance(0.1) ? random.integer(1, 5) : 0,
    };
  });
}

/** What each client of a plan does, by its number. Throws a `SimulationError` for what makes no sense. */
export function tasksOf<Operation>(
  operations: readonly TimedOperation[],
  read: (operation: Json, position: number) => Operation | undefined,
): ReadonlyMap<number, readonly Task<Operation>[]> {
  const tasks = new Map<number, Task<Operation>[]>();
  for (const [position, { atMicroseconds, client, operation }] of operations.entries()) {
    const asked = read(operation, position);
    if (asked === undefined) continue;
    const own = tasks.get(client) ?? [];
    tasks.set(client, own);
    own.push({ atMicroseconds, operation: asked });
  }
  for (const own of tasks.values()) own.sort((a, b) => a.atMicroseconds - b.atMicroseconds);
  return new Map([...tasks].sort(([a], [b]) => a - b));
}

export function readMemoryOperation(operation: Json, position: number): MemoryOperation {
  const { do: what, id } = fieldsOf(operation);
  if ((what === 'insert' || what === 'get') && isId(id)) return { do: what, id };
  throw invalid(position, '{"do": "insert" or "get", "id": a text of 1 to 100 characters}');
}

export function readSessionOperation(operation: Json, position: number): SessionOperation {
  const { do: what, id, copies, triesMax, milliseconds } = fieldsOf(operation);
  if (what === 'silence' && isInteger(milliseconds, 0, 60 * MINUTE_MS)) {
    return { do: what, milliseconds };
  }
  if (
    what === 'write' &&
    isId(id) &&
    isInteger(copies, 1, 2) &&
    isInteger(triesMax, 0, TRIES_MAX)
  ) {
    return { do: what, id, copies, triesMax };
  }
  const write = '{"do": "write", "id": text, "copies": 1 or 2, "triesMax": number, 0 for no end}';
  throw invalid(position, `${write} or {"do": "silence", "milliseconds": at most an hour}`);
}

/** Names what an operation of a plan has to be. */
export function invalid(position: number, expected: string): SimulationError {
  return new SimulationError('invalid-plan', `operations[${position}] must be ${expected}`);
}

function fieldsOf(value: Json): { readonly [name: string]: Json | undefined } {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as { readonly [name: string]: Json }) : {};
}

function isId(value: Json | undefined): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= 100;
}

function isInteger(value: Json | undefined, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}
