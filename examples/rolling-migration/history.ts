/** What the load clients did, and what can be read off it: latencies, gaps, the register history. */

import type { MemoryInput, MemoryOutput } from '../../sim/checkers/models.js';
import type { Operation as CheckedOperation } from '../../sim/checkers/linearizability.js';

export type OperationKind = 'get' | 'insert' | 'search' | 'addEdge';

/** One request of one client. Times are microseconds of the monotonic clock of the load process. */
export interface Operation {
  readonly client: number;
  readonly kind: OperationKind;
  /** The memory read or written; the start of the edge; the text of a search. */
  readonly id: string;
  /** What an insert wrote, or what a get returned (null: no such memory). */
  readonly content: string | null;
  readonly edge: { readonly to: string; readonly relation: string; readonly weight: number } | null;
  readonly callMicroseconds: number;
  /** When the answer or the failure came. */
  readonly returnMicroseconds: number;
  /** Null when it succeeded. */
  readonly error: string | null;
  /** Log index of an acknowledged write. */
  readonly index: number | null;
  /** Peer id of the member that answered; empty when none did. */
  readonly servedBy: string;
}

export type Phase = 'steady' | 'rollout' | 'after';

/** When the load began, when the rollout did, when it was complete, when the load was stopped. */
export interface PhaseTimes {
  readonly startMicroseconds: number;
  readonly rolloutMicroseconds: number;
  readonly afterMicroseconds: number;
  readonly endMicroseconds: number;
}

/** The phase in which an operation was called. */
export function phaseOf(operation: Operation, times: PhaseTimes): Phase {
  if (operation.callMicroseconds < times.rolloutMicroseconds) return 'steady';
  return operation.callMicroseconds < times.afterMicroseconds ? 'rollout' : 'after';
}

/** Nearest-rank percentile of the durations, exact, in milliseconds; 0 when there are none. */
export function percentileMs(operations: readonly Operation[], percent: number): number {
  const durations = operations
    .map((each) => each.returnMicroseconds - each.callMicroseconds)
    .sort((a, b) => a - b);
  const rank = Math.max(1, Math.ceil((percent / 100) * durations.length));
  return (durations[rank - 1] ?? 0) / 1000;
}

/** The longest stretch of the load in which no client got an answer, in milliseconds. */
export function longestGapMs(
  operations: readonly Operation[],
  times: Pick<PhaseTimes, 'startMicroseconds' | 'endMicroseconds'>,
): number {
  const successes = operations
    .filter((each) => each.error === null)
    .map((each) => Math.min(each.returnMicroseconds, times.endMicroseconds))
    .sort((a, b) => a - b);
  let previous = times.startMicroseconds;
  let longest = 0;
  for (const moment of [...successes, times.endMicroseconds]) {
    longest = Math.max(longest, moment - previous);
    previous = Math.max(previous, moment);
  }
  return longest / 1000;
}

/**
 * The gets and inserts as the checker takes them. A failed get saw nothing and is left out; the
 * outcome of a failed insert is unknown. What v1 held stands as an insert before all others.
 */
export function registerHistory(
  operations: readonly Operation[],
  initial: ReadonlyMap<string, string>,
): CheckedOperation<MemoryInput, MemoryOutput>[] {
  const touched = new Set<string>();
  const checked: CheckedOperation<MemoryInput, MemoryOutput>[] = [];
  for (const each of operations) {
    const { client, id: key, callMicroseconds, error } = each;
    if (each.kind === 'get' && error === null) {
      const { content: output, returnMicroseconds } = each;
      const input = { kind: 'get' } as const;
      checked.push({ client, key, input, output, callMicroseconds, returnMicroseconds });
    } else if (each.kind === 'insert' && each.content !== null) {
      const input = { kind: 'insert', content: each.content } as const;
      const returnMicroseconds = error === null ? each.returnMicroseconds : null;
      checked.push({ client, key, input, output: null, callMicroseconds, returnMicroseconds });
    } else continue;
    touched.add(key);
  }
  for (const key of touched) {
    const content = initial.get(key);
    if (content === undefined) continue;
    const input = { kind: 'insert', content } as const;
    const before = { callMicroseconds: -2, returnMicroseconds: -1 };
    checked.push({ client: 'v1', key, input, output: null, ...before });
  }
  return checked;
}
