/** Numbers of a run, read off the operations. */
import type { ClientOperation, Outcome } from './operations.js';

type PhaseName = 'before' | 'faults' | 'after';

/** A stretch of the run. Microseconds of the monotonic clock. */
export interface Phase {
  readonly name: PhaseName;
  readonly fromMicroseconds: number;
  readonly toMicroseconds: number;
}

export interface PhaseFigures {
  readonly phase: PhaseName;
  readonly seconds: number;
  readonly ok: number;
  readonly failed: number;
  readonly unknown: number;
  /** Of operations that were answered, nearest rank; 0 when there were none. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The longest stretch in which nobody got an answer. */
  readonly longestGapMs: number;
}

/** An operation belongs to the phase in which it was called. */
export function figuresOf(
  operations: readonly ClientOperation[],
  phases: readonly Phase[],
): PhaseFigures[] {
  return phases.map((phase) => {
    const { name, fromMicroseconds: from, toMicroseconds: to } = phase;
    const own = operations.filter(({ callMicroseconds: at }) => at >= from && at < to);
    const count = (outcome: Outcome): number => own.filter((op) => op.outcome === outcome).length;
    const durations = own
      .filter(({ outcome }) => outcome === 'ok')
      .map(({ callMicroseconds, returnMicroseconds }) => returnMicroseconds - callMicroseconds)
      .toSorted((a, b) => a - b);
    return {
      phase: name,
      seconds: rounded((to - from) / 1e6),
      ok: count('ok'),
      failed: count('failed'),
      unknown: count('unknown'),
      p50Ms: percentileMs(durations, 50),
      p99Ms: percentileMs(durations, 99),
      longestGapMs: longestGapMs(operations, from, to),
    };
  });
}

function percentileMs(sortedMicroseconds: readonly number[], percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * sortedMicroseconds.length));
  return rounded((sortedMicroseconds[rank - 1] ?? 0) / 1_000);
}

function longestGapMs(operations: readonly ClientOperation[], from: number, to: number): number {
  const answers = operations
    .filter(({ outcome }) => outcome === 'ok')
    .map(({ returnMicroseconds }) => returnMicroseconds)
    .filter((at) => at >= from && at < to)
    .toSorted((a, b) => a - b);
  let before = from;
  let longest = 0;
  for (const moment of [...answers, to]) {
    longest = Math.max(longest, moment - before);
    before = moment;
  }
  return rounded(longest / 1_000);
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
