/** What operators ask of a rollout, answered from the state of a node and its store. */
import { countShortfalls, shortfallSentences, V1_HAS_NO_FORM_FOR } from '../../src/memory/index.js';
import { planDigest } from '../approval/value.js';
import { startRefusal } from '../control-plane/apply-rollout.js';
import type { Command } from '../control-plane/command.js';
import { isOpen } from '../control-plane/features.js';
import type { Member } from '../control-plane/state.js';
import type { SwarmNode } from '../node.js';
import { RolloutPlanError } from '../rollout/error.js';
import { GUARDS_DEFAULT } from '../rollout/limits.js';
import { refusalOf } from '../rollout/machine.js';
import { formerPlan, makePlan, orderOf } from '../rollout/plan.js';
import type { PlanOptions } from '../rollout/plan.js';
import { hasEnded } from '../rollout/state.js';
import type { Rollout, RolloutPlan } from '../rollout/state.js';
import type { RolloutEvent } from '../rollout/transitions.js';
import { refusalText } from './refusals.js';
import { startApproved } from './approved-rollouts.js';
import { requireFeature } from './required-feature.js';
import type { RolloutPorts } from './rollout-handlers.js';
import type { ChangeRequest, PlanRequest } from './rollout-requests.js';
import { described, refusal, requireAllUp, requireDigest, submitted } from './rollout-starting.js';

export function rolloutServices(node: SwarmNode): Omit<RolloutPorts, 'requireServing'> {
  return {
    rolloutPlan: async (request) => {
      const { plan, digest } = await planned(node, request);
      return { plan, digest, stored: await storedShortfalls(node, plan) };
    },
    rolloutStart: (request, timeoutMs) => start(node, request, timeoutMs),
    rolloutStartApproved: ({ digest, ...request }, by, timeoutMs) =>
      startApproved(node, { digest, by, timeoutMs, planned: () => planned(node, request) }),
    rolloutAbort: (timeoutMs) => abort(node, timeoutMs),
    rolloutChange: (change, timeoutMs) => changed(node, change, timeoutMs),
    rolloutStatus: async (signal) => {
      // A node that lags would tell of the rollout before this one.
      await node.driver.readBarrier(signal);
      const { rollout, clockMs } = node.control;
      const approvals = await node.approvals.describe();
      const told = { rollout: described(rollout), progress: progressOf(node), clockMs };
      return approvals === null ? told : { ...told, approvals };
    },
  };
}

/** What this node does for a rollout now, in words. */
export function progressOf({ executor, bringUp, approvals }: SwarmNode): string {
  const { refusal } = approvals;
  if (refusal !== '') return `takes no part: ${refusal}`;
  return executor.progress === '' ? bringUp.progress : executor.progress;
}

async function planned(
  node: SwarmNode,
  request: PlanRequest,
): Promise<{ plan: RolloutPlan; digest: string }> {
  const { leader, confState } = node.replica.status();
  const members = [...node.control.members.values()].map((member) => ({
    ...member,
    voter: confState.voters.includes(member.nodeId),
  }));
  if (request.windows !== undefined) requireFeature(node, 'windows');
  const plan = isOpen(node.control, 'rollouts')
    ? await planOf(node, members, leader, request)
    : formerPlanFor(request, orderOf(members, leader));
  const refused = startRefusal(node.control, plan);
  if (refused !== null) throw refusal(refused, refusalText(refused));
  return { plan, digest: planDigest(plan) };
}

async function planOf(
  node: SwarmNode,
  members: readonly Member[],
  leader: number,
  { to, ...options }: PlanRequest,
): Promise<RolloutPlan> {
  try {
    const votersWanted = node.control.placement.wanted;
    const planned = await planOptions(node, to, options);
    return makePlan(members, leader, { ...planned, votersWanted });
  } catch (error) {
    if (error instanceof RolloutPlanError) throw refusal('invalid-plan', error.message);
    throw error;
  }
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
  requireDigest(wanted, digest);
  if (node.approvals.isWanted) {
    const text =
      'this node takes part only in rollouts that the members approve: give --approve bft';
    throw refusal('approval-required', text);
  }
  requireAllUp(node);
  const startedAtMs = Date.now();
  const after = node.control.rollout?.id ?? 0;
  return submitted(node, { type: 'startRollout', plan, digest, startedAtMs, after }, timeoutMs);
}

async function abort(node: SwarmNode, timeoutMs: number): Promise<object> {
  const rollout = await lastRollout(node);
  requireTaken(rollout, 'abort');
  await requireWayBack(node, rollout);
  const reason = 'aborted by an operator';
  return submitted(node, { type: 'abortRollout', rolloutId: rollout.id, reason }, timeoutMs);
}

async function changed(node: SwarmNode, change: ChangeRequest, timeoutMs: number): Promise<object> {
  const rollout = await lastRollout(node);
  requireTaken(rollout, change.action);
  if (change.action === 'rollback') await requireWayBack(node, rollout);
  return submitted(node, commandOf(rollout, change), timeoutMs);
}

/** A node that cannot start the release before goes back for ever; what this node can see, it says first. */
export async function requireWayBack(
  { releases }: Pick<SwarmNode, 'releases'>,
  { plan }: Rollout,
): Promise<void> {
  const from = plan.release?.from;
  if (from === undefined || releases?.running.name === from.name) return;
  await releases?.steps?.requireStartable(from);
}

/** Says at once, and with what it is now, why the rollout cannot be changed so. */
function requireTaken(rollout: Rollout, event: RolloutEvent): void {
  const refused = refusalOf(rollout, event);
  if (refused === null) return;
  const ends = {
    completed: 'was completed',
    rolledBack: 'was rolled back',
    aborted: 'was aborted',
  };
  const { id, status } = rollout;
  const end = hasEnded(rollout)
    ? `: the last one, ${id}, ${ends[status as keyof typeof ends]}`
    : '';
  throw refusal(refused, `${refusalText(refused)}${end}`);
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

/** As it is now, so that a command names the epoch that its operator has seen, or a later one. */
async function lastRollout(node: SwarmNode): Promise<Rollout> {
  await node.driver.readBarrier();
  const { rollout } = node.control;
  if (rollout === null) throw refusal('no-rollout', refusalText('no-rollout'));
  return rollout;
}

function withoutUndefined<T extends object>(
  value: T,
): { [K in keyof T]-?: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]-?: Exclude<T[K], undefined> };
}
