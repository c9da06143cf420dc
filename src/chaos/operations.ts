/** What the clients of an experiment did, and how it is written down. */
import type { Operation } from '../../sim/checkers/linearizability.js';
import type { MemoryInput, MemoryOutput } from '../../sim/checkers/models.js';

/**
 * `failed`: certainly without effect. `unknown`: nobody knows whether it took effect, or will; only
 * writes end so.
 */
export type Outcome = 'ok' | 'failed' | 'unknown';

/** One operation of one client. Times are microseconds of the machine's monotonic clock. */
export interface ClientOperation {
  readonly client: number;
  readonly kind: 'get' | 'insert';
  readonly id: string;
  /** What was written, or what was read: null for no such memory. */
  readonly content: string | null;
  readonly outcome: Outcome;
  readonly callMicroseconds: number;
  /** When the answer or the failure came. */
  readonly returnMicroseconds: number;
  /** Log index of an acknowledged write; 0 for all others. */
  readonly index: number;
  /** Name of the node that answered; empty when none did. */
  readonly servedBy: string;
  /** Why it failed; empty when it did not. */
  readonly error: string;
}

let lastMicroseconds = 0;

/**
 * Microseconds of the monotonic clock, which all processes of a machine share. No two calls in one
 * process give the same, so that what one process saw has one order.
 */
export function nowMicroseconds(): number {
  lastMicroseconds = Math.max(lastMicroseconds + 1, Number(process.hrtime.bigint() / 1000n));
  return lastMicroseconds;
}

/** The operations as the checker of linearizability takes them. */
export function checkedOperations(
  operations: readonly ClientOperation[],
): Operation<MemoryInput, MemoryOutput>[] {
  const counted = operations.filter(({ outcome }) => outcome !== 'failed');
  return counted.map(({ client, id: key, kind, content, outcome, ...each }) => {
    const { callMicroseconds } = each;
    const returnMicroseconds = outcome === 'ok' ? each.returnMicroseconds : null;
    const input: MemoryInput = kind === 'get' ? { kind } : { kind, content: content ?? '' };
    const output = kind === 'get' ? content : null;
    return { client, key, input, output, callMicroseconds, returnMicroseconds };
  });
}

/**
 * The operations of one recording process as a history of a key-value store in EDN, in the vocabulary of Jepsen, for
 * `readHistory`, Knossos and others. As there, a process that does not know what became of its
 * operation goes on under another number.
 */
export function historyText(operations: readonly ClientOperation[], clients: number): string {
  const events: { readonly atMicroseconds: number; readonly line: string }[] = [];
  const processes = new Map<number, number>();
  const inOrder = operations.toSorted((a, b) => a.callMicroseconds - b.callMicroseconds);
  for (const each of inOrder) {
    const process = processes.get(each.client) ?? each.client;
    const name = each.kind === 'get' ? 'get' : 'put';
    const event = (type: string, value: string | null, atMicroseconds: number): void => {
      const text = value === null ? 'nil' : JSON.stringify(value);
      const line =
        `{:process ${process}, :type :${type}, :f :${name}, :key ${JSON.stringify(each.id)}, ` +
        `:value ${text}, :time ${atMicroseconds * 1_000}}`;
      events.push({ atMicroseconds, line });
    };
    const written = each.kind === 'get' ? null : each.content;
    event('invoke', written, each.callMicroseconds);
    event(eventTypes[each.outcome], each.content, each.returnMicroseconds);
    if (each.outcome === 'unknown') processes.set(each.client, process + clients);
  }
  events.sort((a, b) => a.atMicroseconds - b.atMicroseconds);
  return events.map(({ line }) => `${line}\n`).join('');
}

const eventTypes: Readonly<Record<Outcome, string>> = {
  ok: 'ok',
  failed: 'fail',
  unknown: 'info',
};
