/**
 * Where two logs agree, by definition and from the logs that Go shows: what the hints of refused
 * appends are compared with. Raft, end of 5.3.
 */
import type { Message } from '../../consensus/raft/index.js';
import type { TheirView } from './driver.js';

/** An index and its term; the term is 0 where the log no longer knows it. */
export interface Hint {
  readonly index: number;
  readonly term: number;
}

/** Term of the entry at `index` in Go's log; undefined where the log does not say. */
export function theirTermAt(view: TheirView, index: number): number | undefined {
  if (index === view.first - 1) return view.base;
  const entry = view.log[index - view.first];
  return entry === undefined ? undefined : Number.parseInt(entry, 10);
}

/** The last entry at or before `index` that can be in a log with `term` there. */
function lastPossible(view: TheirView, index: number, term: number): Hint {
  const candidates = Array.from({ length: index }, (_, at) => index - at);
  const found = candidates.find((at) => (theirTermAt(view, at) ?? 0) <= term) ?? 0;
  return { index: found, term: found === 0 ? 0 : (theirTermAt(view, found) ?? 0) };
}

/** What a follower answers to an append request that does not fit. */
export function followerHint(view: TheirView, { index, logTerm }: Message): Hint {
  return lastPossible(view, Math.min(index, view.last), logTerm);
}

/** Where a leader looks next, after a refusal with a hint. */
export function leaderGuess(view: TheirView, { rejectHint, logTerm }: Message): number {
  return logTerm > 0 ? lastPossible(view, rejectHint, logTerm).index : rejectHint;
}
