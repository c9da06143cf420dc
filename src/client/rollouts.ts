/** Rolling upgrades, `client.rollouts`: plan, start, watch, change. */
import { isUnknownMethod } from '../../transport/rpc/rpc.js';
import type { AnswerSchema } from './answers.js';
import { ClientError } from './errors.js';
import { ROLLOUT_ATTEMPT_FACTOR } from './limits.js';
import type { RequestOptions } from './requests.js';
import {
  approvalSettingsSchema,
  approvedSchema,
  planSchema,
  rolloutAnswerSchema,
  rolloutPlanSchema,
  rolloutStatusSchema,
} from './rollout-answers.js';
import type {
  Approvals,
  ApproveAnswer,
  Rollout,
  RolloutPlan,
  RolloutStatus,
} from './rollout-answers.js';
import type { Served } from './swarm-client.js';

/** When a node that has switched counts as unhealthy, and what is done then; defaults for what is left out. */
export interface GuardOptions {
  readonly windowMs?: number;
  readonly windows?: number;
  /** Share of requests that fail by the fault of the node, 0 to 1. */
  readonly errorRateMax?: number;
  /** Times the p99 of the members that have not switched. */
  readonly p99Factor?: number;
  readonly p99FloorMs?: number;
  readonly applyLagMax?: number;
  readonly memoryFactor?: number;
  readonly memoryBytesMax?: number;
  readonly diskFreeBytesMin?: number;
  readonly restartsMax?: number;
  readonly action?: 'rollback' | 'pause';
}

/** A time of the week; `nodes/rollout/windows.ts` has its bounds. */
export interface MaintenanceWindow {
  /** On which it begins: 1 for Monday to 7, in their order. */
  readonly days: readonly number[];
  readonly fromMinute: number;
  readonly lengthMinutes: number;
  /** East of UTC. */
  readonly offsetMinutes: number;
}

/** What is left out is at the default of the members (`nodes/rollout/plan.ts`). */
export interface RolloutOptions {
  /** So many batches of one node each come first. */
  readonly canaries?: number;
  readonly batchSize?: number;
  /** Nodes that may be between cordon and rejoin at the same time; as many as a batch has. */
  readonly maxUnavailable?: number;
  /** How long a node serves before the next one begins. */
  readonly soakMs?: number;
  /** Time of day before which nothing begins. */
  readonly notBeforeMs?: number;
  /** Nodes begin only within one of these. */
  readonly windows?: readonly MaintenanceWindow[];
  /** Whether the leader finalizes it when all nodes are done; true unless given. */
  readonly autoFinalize?: boolean;
  /** How long after that it can be rolled back. */
  readonly rollbackWindowMs?: number;
  /** None when null or left out. */
  readonly guards?: GuardOptions | null;
}

export interface RolloutRequest extends RequestOptions {
  readonly plan?: RolloutOptions;
  /** `bft`: only with the votes of more than two thirds of the members. */
  readonly approve?: 'bft' | undefined;
}

/** What an operator says to one node about approvals; what is left out stays. */
export interface ApprovalChange {
  /** Whether it refuses rollouts without approval. */
  readonly required?: boolean;
  readonly policy?: 'operator' | 'any';
  /** Trusts the members as they are now. */
  readonly trust?: boolean;
}

/** A change of a rollout that is on its way, or in its window. */
export type RolloutChange =
  | { readonly action: 'pause'; readonly reason?: string }
  | { readonly action: 'resume' }
  | { readonly action: 'throttle'; readonly maxUnavailable?: number; readonly soakMs?: number }
  /** Nothing new begins before this time of day. */
  | { readonly action: 'postpone'; readonly notBeforeMs: number }
  | { readonly action: 'rollback'; readonly reason?: string }
  | { readonly action: 'finalize' }
  /** Gives up the time for a rollback before it is over. */
  | { readonly action: 'closeWindow' };

/** What the client does for a question and for a request that changes something. */
export interface RolloutPorts {
  ask<T>(
    schema: AnswerSchema<T>,
    method: string,
    payload: object,
    options: RequestOptions,
    factor: number,
  ): Promise<T & Served>;
  /** `onUncertain` hears of an attempt that may have had its effect. */
  change<T>(
    schema: AnswerSchema<T>,
    method: string,
    payload: object,
    options: RequestOptions,
    onUncertain: () => void,
  ): Promise<T>;
}

/** See the head of this file. All methods reject with `ClientError`. */
export class Rollouts {
  readonly #ports: RolloutPorts;

  constructor(ports: RolloutPorts) {
    this.#ports = ports;
  }

  /** What would run now, and its digest; changes nothing. `to` is `v2` or the name of a release. */
  async plan(to: string, options: RolloutRequest = {}): Promise<Served & RolloutPlan> {
    const { plan = {}, approve: _, ...rest } = options;
    const payload = { to, ...plan };
    const factor = ROLLOUT_ATTEMPT_FACTOR;
    const answer = await this.#ports.ask(planSchema, 'rollout.plan', payload, rest, factor);
    const isAsked = Object.values(plan).some((value) => value !== undefined);
    const told = rolloutPlanSchema.safeParse(answer.plan);
    if (isAsked && told.success && told.data.form === 1) throw tooOld();
    return answer;
  }

  /** Starts a rollout; with a digest only if the plan is still the one that was printed. */
  async start(
    to: string,
    digest: string | undefined,
    options: RolloutRequest = {},
  ): Promise<Rollout> {
    const { plan = {}, approve, ...rest } = options;
    const payload = { to, ...plan, ...(digest === undefined ? {} : { digest }) };
    if (approve === undefined) return this.#change('rollout.start', payload, rest, isStarted);
    try {
      return await this.#change('rollout.startApproved', payload, rest, isStarted);
    } catch (error) {
      const isOld = error instanceof ClientError && isUnknownMethod(error.cause);
      throw isOld ? knowsNoApprovals() : error;
    }
  }

  /**
   * Approves a plan as the next rollout, at the node whose key this client has: name it with `only`. Any
   * other node refuses.
   */
  async approve(digest: string, options: RequestOptions): Promise<Served & ApproveAnswer> {
    return this.#ports.ask(approvedSchema, 'approval.approve', { digest }, options, 1);
  }

  /** What that node knows of approvals, after a change if one is given; as with `approve`. */
  async approvals(
    change: ApprovalChange,
    options: RequestOptions,
  ): Promise<Served & { approvals: Approvals | null }> {
    return this.#ports.ask(approvalSettingsSchema, 'approval.settings', change, options, 1);
  }

  /** The rollout that runs, or the last one; null when there was none. */
  async status(options: RequestOptions = {}): Promise<Served & RolloutStatus> {
    return this.#ports.ask(rolloutStatusSchema, 'rollout.status', {}, options, 1);
  }

  /** Takes every node back before the swarm has finalized; refused with `no-rollout` when none runs. */
  async abort(options: RequestOptions = {}): Promise<Rollout> {
    return this.#change('rollout.abort', {}, options, ({ goal }) => goal === 'aborted');
  }

  /** Refused with the reason why the rollout, as it is, cannot be changed so. */
  async change(change: RolloutChange, options: RequestOptions = {}): Promise<Rollout> {
    return this.#change('rollout.change', change, options, (rollout) => isChanged(rollout, change));
  }

  /**
   * It has no session: when an attempt of unknown fate did it, the next one is refused, and the rollout as
   * it stands is the answer.
   */
  async #change(
    method: string,
    payload: object,
    options: RequestOptions,
    isDone: (rollout: Rollout, reason: string | undefined) => boolean,
  ): Promise<Rollout> {
    let uncertain = false;
    try {
      const onUncertain = (): void => {
        uncertain = true;
      };
      const answer = await this.#ports.change(
        rolloutAnswerSchema,
        method,
        payload,
        options,
        onUncertain,
      );
      return answer.rollout;
    } catch (error) {
      if (!uncertain || !(error instanceof ClientError) || error.code !== 'refused') throw error;
      const { rollout } = await this.status(options);
      if (rollout === null || !isDone(rollout, error.reason)) throw error;
      return rollout;
    }
  }
}

function knowsNoApprovals(): ClientError {
  return new ClientError(
    'refused',
    'a member of this swarm runs a release that knows no approvals; upgrade all members first',
    { reason: 'release-too-old' },
  );
}

function isStarted(_rollout: Rollout, reason: string | undefined): boolean {
  return reason === 'rollout-running';
}

/** Whether the rollout is as the change would have it. */
function isChanged(rollout: Rollout, change: RolloutChange): boolean {
  const { status, limits, goal } = rollout;
  switch (change.action) {
    case 'pause':
      return status === 'paused';
    case 'resume':
      return status === 'running';
    case 'throttle':
      return (
        (change.maxUnavailable ?? limits.maxUnavailable) === limits.maxUnavailable &&
        (change.soakMs ?? limits.soakMs) === limits.soakMs
      );
    case 'postpone':
      return rollout.notBeforeMs === change.notBeforeMs;
    case 'rollback':
      return goal === 'rolledBack';
    case 'finalize':
      return ['finalizing', 'finalized', 'completed'].includes(status);
    case 'closeWindow':
      return status === 'completed';
  }
}

function tooOld(): ClientError {
  return new ClientError(
    'refused',
    'a member of this swarm runs a release that knows no such plan; upgrade all members first, or ' +
      'leave the options out',
    { reason: 'release-too-old' },
  );
}
