import type { EdnValue } from './edn.js';

/** One line of a recorded history, in the vocabulary of Jepsen. */
export interface HistoryEvent {
  /** The logical thread; it has at most one operation open. */
  readonly process: string;
  /**
   * `ok`: done. `fail`: certainly not done. `info`: nobody knows; the process is not used again.
   */
  readonly type: 'invoke' | 'ok' | 'fail' | 'info';
  /** `read`, `write`, `cas`, `get`, `put`, `append`. */
  readonly operation: string;
  /** Null when the history has a single object. */
  readonly key: string | null;
  readonly value: EdnValue;
}

/** A call and how it ended; null when nothing was heard of it again. */
export interface CallAndEnd {
  readonly call: HistoryEvent;
  readonly end: HistoryEvent | null;
  /** Places of both in the history, which stand for time. */
  readonly callPosition: number;
  readonly endPosition: number | null;
}

/** Joins each invocation with the next event of the same process. */
export function pairEvents(events: readonly HistoryEvent[]): CallAndEnd[] {
  const pairs: CallAndEnd[] = [];
  const open = new Map<string, number>();
  for (const [position, event] of events.entries()) {
    if (event.type === 'invoke') {
      open.set(event.process, pairs.length);
      pairs.push({ call: event, end: null, callPosition: position, endPosition: null });
      continue;
    }
    const index = open.get(event.process);
    // An end without a call is news of a process that the recording does not begin with.
    if (index === undefined) continue;
    open.delete(event.process);
    pairs[index] = { ...pairs[index]!, end: event, endPosition: position };
  }
  return pairs;
}
