/** What operators ask of a rollout, answered from the state of a node and its store. */
import { createHash } from 'node:crypto';

import { countShortfalls, shortfallSentences, V1_HAS_NO_FORM_FOR } from '../../src/memory/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { Command } from '../control-plane/command.js';
import type { SwarmNode } from '../node.js';
import { GUARDS_DEFAULT } from '../rollout/limits.js';
import { canonicalPlan, formerPlan, makePlan, orderOf } from '../rollout/plan.js';
import type { PlanOptions } from '../rollout/plan.js';
import { hasEnded } from '../rollout/state.js';
import type { Rollout, RolloutPlan } from '../rollout/state.js';
import { applied } from './handlers.js';
import type { RolloutPorts } from './rollout-handlers.js';
import type { ChangeRequest, PlanRequest } from './rollout-requests.js';

/** From this command version on there are batches, guards, and a window for a rollback. */
const PLANS_COMMAND_VERSION = 5;

export function rolloutServices(node: SwarmNode): Omit<RolloutPorts, 'requireServing'> {
  return {
    rolloutPlan: async (request) => {
      const { plan, digest } = await planned(node, request);
      return { plan, digest, stored: await storedShortfalls(node, plan) };
    },
    rolloutStart: (request, timeoutMs) => start(node, request, timeoutMs),
    rolloutAbort: (timeoutMs) => abort(node, timeoutMs),
    rolloutChange: (change, timeoutMs) => changed(node, change, timeoutMs),
    rolloutStatus: async (signal) => {
      // A node that lags would tell of the rollout before this one.
      await node.driver.readBarrier(signal);
      const { rollout, clockMs } = node.control;
      return { rollout: described(rollout), progress: progressOf(node), clockMs };
    },
  };
}

/** What this node does for a rollout now, in words. */
export function progressOf({ executor, bringUp }: SwarmNode): string {
  return executor.progress === '' ? bringUp.progress : executor.progress;
}

/** The form in which clients know a rollout, with what the plan says of it beside the plan. */
export function described(rollout: Rollout | null): object | null {
  if (rollout === null) return null;
  const { kind, from, to } = rollout.plan;
  return { ...rollout, kind, from, to };
}

async function planned(
  node: SwarmNode,
  request: PlanRequest,
): Promise<{ plan: RolloutPlan; digest: string }> {
  const { rollout, swarmVersion } = node.control;
  if (rollout !== null && !hasEnded(rollout))
    throw refusal('rollout-running', runningText(rollout));
  const { to, ...options } = request;
  if (to === 'v2' && swarmVersion === 2) throw refusal('already-v2', 'the swarm is of version 2');
  const members = [...node.control.members.values()];
  const { leader } = node.replica.status();
  const plan =
    node.control.commandVersion < PLANS_COMMAND_VERSION
      ? formerPlanFor(request, orderOf(members, leader))
      : makePlan(members, leader, await planOptions(node, to, options));
  return { plan, digest: createHash('sha256').update(canonicalPlan(plan)).digest('hex') };
}

/** While a member reads nothing newer there is the plan of the release before and no other. */
function formerPlanFor({ to, ...options }: PlanRequest, order: readonly number[]): RolloutPlan {
  const isAsked = Object.values(options).some((value) => value !== undefined);
  if (to === 'v2' && !isAsked) return formerPlan(order);
  throw refusal(
    'release-too-old',
    'a member of this swarm runs a release that knows no such plan; upgrade all members first, or ' +
      'leave the options out',
  );
}

async function planOptions(
  node: SwarmNode,
  to: string,
  { guards, ...given }: Omit<PlanRequest, 'to'>,
): Promise<PlanOptions> {
  const options = {
    ...withoutUndefined(given),
    guards:
      guards === null || guards === undefined
        ? null
        : { ...GUARDS_DEFAULT, ...withoutUndefined(guards) },
  };
  if (to === 'v2') return { ...options, inexpressible: Object.values(V1_HAS_NO_FORM_FOR) };
  return { ...options, release: await releaseOf(node, to) };
}

/** The release that the members run, and the one that is named. */
async function releaseOf(
  node: SwarmNode,
  to: string,
): Promise<NonNullable<PlanOptions['release']>> {
  const { releases } = node;
  const found = await releases?.find(to);
  if (releases === undefined || found === undefined) {
    throw refusal(
      'unknown-release',
      `a swarm can be moved to v2, or to a release that its nodes know: ${to} is neither; ` +
        '`agentic-flow release add` makes a release known to a node',
    );
  }
  return { from: releases.running, to: found };
}

async function storedShortfalls(node: SwarmNode, { kind }: RolloutPlan): Promise<string[]> {
  if (kind !== 'engine') return [];
  const engine = node.engines.active(node.engines.activeVersion(node.control));
  return shortfallSentences(await countShortfalls(engine));
}

async function start(
  node: SwarmNode,
  { digest: wanted, ...request }: PlanRequest & { readonly digest?: string | undefined },
  timeoutMs: number,
): Promise<object> {
  const { plan, digest } = await planned(node, request);
  if (wanted !== undefined && wanted !== digest) {
    throw refusal('digest-differs', `the plan is now ${digest}, not ${wanted}; look at it again`);
  }
  const missing = [...node.control.members.values()].filter(({ status }) => status !== 'up');
  if (missing.length > 0) {
    const ids = missing.map(({ nodeId, status }) => `${nodeId} (${status})`).join(', ');
    throw refusal('member-not-up', `every member has to be up; start or remove these: ${ids}`);
  }
  const startedAtMs = Date.now();
  return submitted(node, { type: 'startRollout', plan, digest, startedAtMs }, timeoutMs);
}

async function abort(node: SwarmNode, timeoutMs: number): Promise<object> {
  const { id } = await openRollout(node);
  const reason = 'aborted by an operator';
  return submitted(node, { type: 'abortRollout', rolloutId: id, reason }, timeoutMs);
}

async function changed(node: SwarmNode, change: ChangeRequest, timeoutMs: number): Promise<object> {
  const rollout = await openRollout(node);
  if (rollout.plan.form === 1) {
    throw refusal(
      'release-too-old',
      'this rollout was started in the form of the release before, which can be aborted and not ' +
        'changed',
    );
  }
  return submitted(node, commandOf(rollout, change), timeoutMs);
}

function commandOf({ id: rolloutId, epoch, limits }: Rollout, change: ChangeRequest): Command {
  const head = { rolloutId, epoch };
  switch (change.action) {
    case 'pause':
      return { type: 'pauseRollout', ...head, reason: change.reason || 'paused by an operator' };
    case 'resume':
      return { type: 'resumeRollout', ...head };
    case 'throttle': {
      const { maxUnavailable = limits.maxUnavailable, soakMs = limits.soakMs } = change;
      return { type: 'throttleRollout', ...head, maxUnavailable, soakMs };
    }
    case 'postpone':
      return { type: 'postponeRollout', ...head, notBeforeMs: change.notBeforeMs };
    case 'rollback':
      return {
        type: 'rollbackRollout',
        ...head,
        reason: change.reason || 'rolled back by an operator',
      };
    case 'finalize':
      return { type: 'finalizeRollout', ...head };
    case 'closeWindow':
      // The leader that proposes it says the time.
      return { type: 'closeWindow', ...head, nowMs: 0, early: true };
  }
}

/** The rollout as it is now, so that the command names the epoch which its operator has seen or a later one. */
async function openRollout(node: SwarmNode): Promise<Rollout> {
  await node.driver.readBarrier();
  const { rollout } = node.control;
  if (rollout === null) throw refusal('no-rollout', 'no rollout is running');
  if (!hasEnded(rollout)) return rollout;
  const how = { completed: 'completed', rolledBack: 'rolled back', aborted: 'aborted' };
  const word = how[rollout.status as keyof typeof how];
  throw refusal('no-rollout', `no rollout is running: the last one, ${rollout.id}, was ${word}`);
}

async function submitted(node: SwarmNode, command: Command, timeoutMs: number): Promise<object> {
  applied(await node.submit(command, timeoutMs));
  await node.driver.readBarrier();
  return { rollout: described(node.control.rollout) };
}

function runningText({ status }: Rollout): string {
  if (status === 'finalized') {
    return (
      'the last rollout can still be rolled back; roll it back, or give that up with ' +
      '`rollout close-window`, before another one begins'
    );
  }
  return 'a rollout is running; wait until it has ended or abort it';
}

function withoutUndefined<T extends object>(
  value: T,
): { [K in keyof T]-?: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]-?: Exclude<T[K], undefined> };
}

function refusal(reason: string, message: string): RpcError {
  return new RpcError('refused', message, { reason });
}
