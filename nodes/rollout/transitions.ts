/** Which event a rollout takes in which status; the compiler checks that every pair has an answer. */
import type { RolloutStatus } from './state.js';

export type RolloutEvent =
  | 'finishStep'
  | 'begin'
  | 'open'
  | 'pause'
  | 'resume'
  | 'throttle'
  | 'postpone'
  | 'abort'
  | 'giveUp'
  | 'rollback'
  | 'halt'
  | 'finalize'
  | 'ackFence'
  | 'raise'
  | 'closeWindow';

/** Why an entry about a rollout changed nothing. */
export type RolloutRefusal =
  /** None runs, or it is another one, or it is over. */
  | 'no-rollout'
  /** Whoever proposed it saw an older state than this. */
  | 'stale-epoch'
  | 'not-your-turn'
  | 'rollout-running'
  | 'rollout-scheduled'
  | 'rollout-paused'
  | 'rollout-finalizing'
  | 'rollout-finalized'
  | 'rollout-rolling-back'
  | 'not-scheduled'
  | 'not-paused'
  | 'not-finalizing'
  | 'not-finalized'
  | 'nodes-not-done'
  /** A node has switched and does not say that it is what the plan leads to. */
  | 'not-on-target'
  | 'soak-not-over'
  /** Not every node has acknowledged the fence. */
  | 'fence-open'
  /** The node said that it is something older than the fence lets act. */
  | 'fenced'
  | 'window-open'
  | 'no-guards'
  | 'no-windows'
  | 'invalid-limits'
  | 'invalid-plan'
  | 'plan-outdated'
  /** Members run different releases: there is none that a rollout could begin with, or go back to. */
  | 'mixed-releases'
  | 'already-v2'
  | 'not-supervised'
  /** A rollout of a release before this one takes reports of steps and an abort, no more. */
  | 'former-rollout'
  /** A member reads no commands of the version that this takes. */
  | 'release-too-old';

/** `null`: taken, if what the entry says fits otherwise. */
type Row = Readonly<Record<RolloutStatus, RolloutRefusal | null>>;

const ENDED = { completed: 'no-rollout', rolledBack: 'no-rollout', aborted: 'no-rollout' } as const;
const TAKEN = { scheduled: null, running: null, paused: null, switched: null } as const;
const LATE = { finalizing: 'rollout-finalizing', finalized: 'rollout-finalized' } as const;
const BACK = { rollingBack: 'rollout-rolling-back' } as const;

export const TRANSITIONS: Readonly<Record<RolloutEvent, Row>> = {
  finishStep: {
    ...ENDED,
    scheduled: null,
    running: null,
    paused: null,
    rollingBack: null,
    switched: 'not-your-turn',
    finalizing: 'not-your-turn',
    finalized: 'not-your-turn',
  },
  begin: {
    ...ENDED,
    scheduled: null,
    running: 'not-scheduled',
    paused: 'not-scheduled',
    switched: 'not-scheduled',
    finalizing: 'not-scheduled',
    finalized: 'not-scheduled',
    rollingBack: 'not-scheduled',
  },
  open: {
    ...ENDED,
    ...LATE,
    ...BACK,
    scheduled: 'rollout-scheduled',
    running: null,
    paused: 'rollout-paused',
    switched: 'not-your-turn',
  },
  pause: { ...ENDED, ...TAKEN, ...LATE, ...BACK, paused: 'rollout-paused' },
  resume: {
    ...ENDED,
    scheduled: null,
    paused: null,
    running: 'not-paused',
    switched: 'not-paused',
    finalizing: 'not-paused',
    finalized: 'not-paused',
    rollingBack: 'rollout-rolling-back',
  },
  throttle: { ...ENDED, ...TAKEN, ...LATE, rollingBack: null },
  postpone: { ...ENDED, ...TAKEN, ...LATE, ...BACK },
  abort: { ...ENDED, ...TAKEN, ...LATE, ...BACK },
  giveUp: { ...ENDED, ...TAKEN, ...LATE, ...BACK, switched: 'not-your-turn' },
  rollback: { ...ENDED, ...TAKEN, ...BACK, finalizing: null, finalized: null },
  halt: { ...ENDED, ...TAKEN, ...BACK, finalizing: null, finalized: null },
  finalize: {
    ...ENDED,
    ...LATE,
    ...BACK,
    scheduled: 'rollout-scheduled',
    running: 'nodes-not-done',
    paused: 'rollout-paused',
    switched: null,
  },
  ackFence: {
    ...ENDED,
    scheduled: 'not-finalizing',
    running: 'not-finalizing',
    paused: 'not-finalizing',
    switched: 'not-finalizing',
    finalizing: null,
    finalized: 'not-finalizing',
    rollingBack: 'not-finalizing',
  },
  raise: {
    ...ENDED,
    scheduled: 'not-finalizing',
    running: 'not-finalizing',
    paused: 'not-finalizing',
    switched: 'not-finalizing',
    finalizing: null,
    finalized: 'rollout-finalized',
    rollingBack: 'not-finalizing',
  },
  closeWindow: {
    ...ENDED,
    scheduled: 'not-finalized',
    running: 'not-finalized',
    paused: 'not-finalized',
    switched: 'not-finalized',
    finalizing: 'not-finalized',
    finalized: null,
    rollingBack: 'not-finalized',
  },
};
