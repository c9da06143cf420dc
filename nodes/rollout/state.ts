/**
 * A rollout as every node holds it. Plain data: it travels in snapshots and in answers.
 *
 *   one node:  pending -> cordon -> drain -> snapshot -> stage -> catchUp -> validate -> switch
 *                                                                              -> rejoin -> done
 *   rollout:   running --(all nodes done, one entry raises the version)--> completed
 *              running --(abort entry: every node is back on `from` at that index)--> aborted
 *
 * `step` names what the node has to do next. The node itself does it and proposes an entry that says
 * so; the epoch in that entry fences an actor that was late.
 */
import type { EngineVersion, JsonObject } from '../../src/memory/engine.js';

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
  | 'done';

/** The steps that a node carries out, in order. */
export const ROLLOUT_STEPS: readonly RolloutStep[] = [
  'cordon',
  'drain',
  'snapshot',
  'stage',
  'catchUp',
  'validate',
  'switch',
  'rejoin',
];

export type RolloutStatus = 'running' | 'completed' | 'aborted';

export interface RolloutNode {
  readonly nodeId: number;
  step: RolloutStep;
  /** Raised by every transition of this node; an entry that names an older one changes nothing. */
  epoch: number;
  /** What the last finished step reported: counts, indexes, bytes. */
  detail: JsonObject | null;
}

export interface RolloutPlan {
  readonly from: EngineVersion;
  readonly to: EngineVersion;
  /** Node ids in the order in which they migrate, one at a time. */
  readonly order: readonly number[];
}

export interface Rollout {
  /** Index of the log entry that started it. */
  readonly id: number;
  /** SHA-256 of the plan, hexadecimal: what `rollout plan` printed is what runs. */
  readonly digest: string;
  readonly from: EngineVersion;
  readonly to: EngineVersion;
  status: RolloutStatus;
  readonly nodes: RolloutNode[];
  readonly startedAtMs: number;
  /** Why it was aborted; empty while it was not. */
  reason: string;
}
