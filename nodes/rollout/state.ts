/**
 * A rollout as every node holds it. Plain data: it travels in snapshots and in answers.
 *
 *   scheduled --(its time has come)--> running <--> paused        any of them, before it has ended:
 *                                        |                          --(rollback, abort, halt)-->
 *                            all nodes are done                   rollingBack --> rolledBack | aborted
 *                                        v
 *                 switched --> finalizing --(every node has acknowledged the fence)--> finalized
 *                                                                                         |
 *                                              completed <--(the rollback window closes)--'
 *
 * `step` names what a node has to do next. The node itself does it and proposes an entry that says so;
 * the epoch in that entry fences an actor that was late.
 */
import type { JsonObject } from '../../src/memory/engine.js';

/** `engine`: from the v1 files to the v2 store. `release`: from one build of the program to another. */
export type RolloutKind = 'engine' | 'release';

export type RolloutDirection = 'forward' | 'back';

export type RolloutStep =
  | 'pending'
  | 'cordon'
  | 'drain'
  | 'snapshot'
  | 'stage'
  | 'catchUp'
  | 'validate'
  | 'switch'
  | 'rejoin'
  /** Switched and serving; the leader ends it when it has lasted long enough. */
  | 'soak'
  | 'done'
  /** The node was removed from the swarm in the middle of the rollout. */
  | 'removed';

const ENGINE_STEPS: readonly RolloutStep[] = [
  'cordon',
  'drain',
  'snapshot',
  'stage',
  'catchUp',
  'validate',
  'switch',
  'rejoin',
  'soak',
];
const RELEASE_STEPS: readonly RolloutStep[] = [
  'cordon',
  'drain',
  'stage',
  'validate',
  'switch',
  'rejoin',
  'soak',
];
const RELEASE_STEPS_BACK: readonly RolloutStep[] = ['cordon', 'drain', 'switch', 'rejoin'];

/**
 * The steps of one node in order. Forward it is `done` after the last of them; going back it is
 * `pending` again. An engine rollout goes back by one entry, in no steps.
 */
export function stepsOf(kind: RolloutKind, direction: RolloutDirection): readonly RolloutStep[] {
  if (direction === 'forward') return kind === 'engine' ? ENGINE_STEPS : RELEASE_STEPS;
  return kind === 'engine' ? [] : RELEASE_STEPS_BACK;
}

export type RolloutStatus =
  | 'scheduled'
  | 'running'
  | 'paused'
  | 'switched'
  | 'finalizing'
  | 'finalized'
  | 'completed'
  | 'rollingBack'
  | 'rolledBack'
  | 'aborted';

/** One build of this package. */
export interface ReleaseName {
  /** Version of the package and the first 12 digits of the digest: `2.1.0+ab12cd34ef56`. */
  readonly name: string;
  /** SHA-256 of the files of the release, hexadecimal. */
  readonly digest: string;
  /** The newest command version that it reads. */
  readonly commandVersion: number;
}

/** When a node that has switched counts as unhealthy, and what is done then. */
export interface Guards {
  /** Length of a window of measurement. */
  readonly windowMs: number;
  /** So many unhealthy windows, one after the other, halt the rollout. */
  readonly windows: number;
  /** Share of requests that failed by the fault of the node, 0 to 1. */
  readonly errorRateMax: number;
  /** Times the p99 of the members that have not switched; of the time before when all have. */
  readonly p99Factor: number;
  /** A p99 below it is never unhealthy. */
  readonly p99FloorMs: number;
  /** Entries by which the node may lag. */
  readonly applyLagMax: number;
  /** Times the memory that the node used when it switched. */
  readonly memoryFactor: number;
  /** 0: no such bound. */
  readonly memoryBytesMax: number;
  readonly diskFreeBytesMin: number;
  /** Restarts of the process since its switch. */
  readonly restartsMax: number;
  readonly action: 'rollback' | 'pause';
}

/** A time of the week in which nodes may begin; `windows.ts` says more. */
export interface MaintenanceWindow {
  /** On which it begins where it is: 1 for Monday to 7, in their order. */
  readonly days: readonly number[];
  /** Of the day. */
  readonly fromMinute: number;
  readonly lengthMinutes: number;
  /** East of UTC. */
  readonly offsetMinutes: number;
}

export interface RolloutPlan {
  /** 1: of a release before this one; no fence and no window, the raised version ends it. */
  readonly form: 1 | 2;
  readonly kind: RolloutKind;
  /** `v1` and `v2`, or the names of two releases. */
  readonly from: string;
  readonly to: string;
  /** Null for engines. */
  readonly release: { readonly from: ReleaseName; readonly to: ReleaseName } | null;
  /** Node ids. A batch begins when all nodes of the batch before it are done. */
  readonly batches: readonly (readonly number[])[];
  /** The first so many batches have one node each. */
  readonly canaries: number;
  /** Nodes that may be between cordon and rejoin at the same time. */
  readonly maxUnavailable: number;
  /** How long a node serves before it counts as done, in milliseconds of the replicated clock. */
  readonly soakMs: number;
  /** Time of day before which nothing begins; 0: at once. */
  readonly notBeforeMs: number;
  /** Nodes begin only within one of these; none: at any time. */
  readonly windows: readonly MaintenanceWindow[];
  /** Whether the leader finalizes it when all nodes are done; otherwise an operator does. */
  readonly autoFinalize: boolean;
  /** How long after finalization it can be rolled back, in milliseconds of the replicated clock. */
  readonly rollbackWindowMs: number;
  readonly guards: Guards | null;
  /** What cannot be undone, in sentences, and after which step. */
  readonly irreversible: readonly string[];
  /** What is stored now and the older side cannot express, in sentences. */
  readonly inexpressible: readonly string[];
}

export interface RolloutNode {
  readonly nodeId: number;
  step: RolloutStep;
  direction: RolloutDirection;
  /** Raised by every transition of this node; an entry that names an older one changes nothing. */
  epoch: number;
  /** The replicated clock at the last transition, in milliseconds. */
  sinceMs: number;
  /** What the last finished step reported: counts, indexes, bytes. */
  detail: JsonObject | null;
}

/** What shows that the members have approved a rollout; each of them checks it by itself. */
interface RolloutApproval {
  /** Id of the rollout before, 0 for the first one, by the log: a certificate starts one rollout. */
  readonly after: number;
  /** See `nodes/approval/certificate.ts`. */
  readonly certificate: Uint8Array;
}

/** What an operator may change while it runs; those of the plan at first. */
export interface RolloutLimits {
  readonly maxUnavailable: number;
  readonly soakMs: number;
}

export interface Rollout {
  /** Index of the log entry that started it. */
  readonly id: number;
  /** SHA-256 of the plan, hexadecimal: what `rollout plan` printed is what runs. */
  readonly digest: string;
  readonly plan: RolloutPlan;
  status: RolloutStatus;
  /** Raised by every change that is not one of a single node; fences operators and leaders. */
  epoch: number;
  /** In the order in which they begin; nodes that joined while the window is open at the end. */
  readonly nodes: RolloutNode[];
  /** Time of day. */
  readonly startedAtMs: number;
  /** The replicated clock at finalization; 0 before it. */
  finalizedAtMs: number;
  /** The replicated clock when the rollback window closes; 0 before finalization. */
  windowEndsMs: number;
  limits: RolloutLimits;
  /** As in the plan, unless it was postponed. */
  notBeforeMs: number;
  /** On the replicated clock, until when nodes may begin in a plan with windows; 0: not now. */
  openUntilMs: number;
  /** Ids of the nodes that have acknowledged the fence, in the order in which they did. */
  fenced: number[];
  /** Why it was paused, aborted or rolled back; empty otherwise. */
  reason: string;
  /** Where it is going: how it ends when it does. */
  goal: 'forward' | 'rolledBack' | 'aborted';
  /** Missing where none was asked for. */
  readonly approval?: RolloutApproval;
}

/** Whether a rollout is over: nothing that concerns it is open any more. */
export function hasEnded({ status }: Rollout): boolean {
  return status === 'completed' || status === 'rolledBack' || status === 'aborted';
}
