/** What a supervisor knows, what can happen to it, and what it asks for; `machine.ts` has the steps. */
import type { ReleaseRecord, RolloutStepId } from './files.js';

type Stage = 'warming' | 'waiting' | 'starting' | 'ready' | 'draining';

interface Failure {
  readonly reason: string;
  /** Starting again is of no use. */
  readonly isFinal: boolean;
  /** Any release would end so. */
  readonly isOfPlace: boolean;
}

export interface Child {
  readonly id: number;
  readonly release: string;
  readonly stage: Stage;
  /** Since when it serves; 0 before. */
  readonly readyAtMs: number;
  /** What it said of its end before it ended. */
  readonly failure: Failure | null;
}

export interface HandOver {
  readonly requestId: string;
  readonly to: string;
  /** The step of a rollout that asks for it; null when an operator does. */
  readonly rollout: RolloutStepId | null;
}

/** One that is under way. */
interface RunningHandOver extends HandOver {
  /** To the release that was the fallback: then nothing is kept to go to instead. */
  readonly isBack: boolean;
}

type Due = 'warm' | 'ready' | 'drain' | 'restart' | 'stop';

export interface Supervision {
  readonly record: ReleaseRecord;
  readonly main: Child | null;
  readonly standby: Child | null;
  /** Somebody else killed the standby while the main child drained for it. */
  readonly isStandbyKilled: boolean;
  /** The process before the main child: it has let go of the directory and keeps the port. */
  readonly leavingId: number | null;
  readonly handOver: RunningHandOver | null;
  readonly isStopping: boolean;
  /** Deaths since a child last served for a while. */
  readonly crashes: number;
  /** Those of them that the release may be to blame for. */
  readonly faults: number;
  /** All of them, for whoever watches the node. */
  readonly restarts: number;
  readonly due: { readonly what: Due; readonly atMs: number } | null;
  readonly lastId: number;
}

/** How a process ended. */
export function howEnded(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `it ended with code ${code}` : `it ended by ${signal}`;
}

/** The end of one that somebody else kills; one that is killed here has a failure that says why. */
export const KILLED = howEnded(null, 'SIGKILL');

export type Input =
  | { readonly type: 'start' }
  /** The child has loaded everything that it may before it has the directory. */
  | { readonly type: 'standby'; readonly id: number; readonly release: string }
  | { readonly type: 'ready'; readonly id: number }
  | {
      readonly type: 'failed';
      readonly id: number;
      readonly reason: string;
      readonly isFinal: boolean;
      readonly isOfPlace?: boolean;
    }
  /** The child has opened the directory and wants the port. */
  | { readonly type: 'opened'; readonly id: number }
  /** The child has let go of the directory. */
  | { readonly type: 'released'; readonly id: number }
  /** `how`: as `howEnded` says it, or why it could not be started. */
  | { readonly type: 'exited'; readonly id: number; readonly how: string }
  | ({ readonly type: 'handOver' } & HandOver)
  /** Nothing may take the place of the current release any more. */
  | { readonly type: 'settle'; readonly id: number }
  | { readonly type: 'stop' }
  | { readonly type: 'time' };

export type Effect =
  | { readonly type: 'write'; readonly record: ReleaseRecord }
  | {
      readonly type: 'spawn';
      readonly id: number;
      readonly release: string;
      /** There is time to warm, since another process serves meanwhile. */
      readonly isStandby: boolean;
    }
  | { readonly type: 'go'; readonly id: number }
  | { readonly type: 'drain'; readonly id: number; readonly isHandOver: boolean }
  /** It may let go of the port, and ends. */
  | { readonly type: 'leave'; readonly id: number }
  | { readonly type: 'kill'; readonly id: number }
  | { readonly type: 'serving'; readonly id: number }
  | {
      readonly type: 'answer';
      readonly requestId: string;
      readonly problem: string | null;
      /** Another try later may go well. */
      readonly isPassing: boolean;
    }
  | { readonly type: 'exit'; readonly problem: string | null }
  | { readonly type: 'log'; readonly message: string };

export interface Step {
  readonly state: Supervision;
  readonly effects: readonly Effect[];
}

export function initialSupervision(record: ReleaseRecord): Supervision {
  return {
    record,
    main: null,
    standby: null,
    isStandbyKilled: false,
    leavingId: null,
    handOver: null,
    isStopping: false,
    crashes: 0,
    faults: 0,
    restarts: 0,
    due: null,
    lastId: 0,
  };
}

/**
 * The record that a supervisor begins with. The files of a release may have been replaced in their folder, which
 * then holds another one: what is known no more cannot be started. The release before takes its place, else
 * the one that the supervisor itself is of.
 */
export function startableRecord(
  record: ReleaseRecord,
  own: string,
  known: ReadonlySet<string>,
): ReleaseRecord {
  const { current, rollout } = record;
  const fallback = record.fallback !== null && known.has(record.fallback) ? record.fallback : null;
  if (known.has(current)) {
    // A trial without a way back is none.
    return { ...record, fallback, isTrial: record.isTrial && fallback !== null };
  }
  const reason = `the files of release ${current} were replaced`;
  const failed = { release: current, reason, rollout };
  return { ...record, current: fallback ?? own, fallback: null, isTrial: false, failed };
}
