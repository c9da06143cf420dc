/** Plans: which nodes switch, in which order. What is printed is what runs, shown by the digest. */
import { RolloutPlanError } from './error.js';
import { PLAN_NODES_MAX, ROLLBACK_WINDOW_MS_DEFAULT, SENTENCES_MAX } from './limits.js';
import { ROLLBACK_WINDOW_MS_MAX, SENTENCE_LENGTH_MAX, SOAK_MS_MAX } from './limits.js';
import { stepsOf } from './state.js';
import { unavailableMax } from './turns.js';
import type { Guards, MaintenanceWindow, ReleaseName, RolloutPlan } from './state.js';
import { irreversibleSteps } from './plan-text.js';
import { windowValues, windowsFault } from './windows.js';

export interface PlannableMember {
  readonly nodeId: number;
  /** Each batch is spread over zones; left out or empty, a node is in a zone of its own. */
  readonly zone?: string;
  /** Left out: it is one. Of releases no batch has so many voters that the others are no majority. */
  readonly voter?: boolean;
}

/** What is left out is at its default: batches of one, no soak, at once, a window of 72 hours. */
export interface PlanOptions {
  /** Left out: the engine rollout from v1 to v2. */
  readonly release?: { readonly from: ReleaseName; readonly to: ReleaseName };
  /** Nodes that go first, one after the other. */
  readonly canaries?: number;
  readonly batchSize?: number;
  /** Left out: as many as are in a batch, and of releases never so many that a majority is missing. */
  readonly maxUnavailable?: number;
  readonly soakMs?: number;
  /** Time of day in milliseconds. */
  readonly notBeforeMs?: number;
  readonly windows?: readonly MaintenanceWindow[];
  readonly autoFinalize?: boolean;
  readonly rollbackWindowMs?: number;
  readonly guards?: Guards | null;
  readonly inexpressible?: readonly string[];
  /** How many members are to vote in the end, 0 for all; left out, as many as do. */
  readonly votersWanted?: number;
}

/**
 * Canaries first, then batches spread over zones; the leader last, so that leadership moves once.
 * Throws a `RolloutPlanError` that names the option which does not fit.
 */
export function makePlan(
  members: readonly PlannableMember[],
  leader: number,
  options: PlanOptions = {},
): RolloutPlan {
  const { release = null, batchSize = 1, canaries = 0 } = options;
  requireCount('the size of a batch', batchSize, 1, PLAN_NODES_MAX);
  requireCount('the number of canaries', canaries, 0, members.length);
  if (members.length === 0)
    throw new RolloutPlanError('no-nodes', 'there is no node to roll out to');
  if (release !== null && release.from.name === release.to.name) {
    throw new RolloutPlanError('same-release', `every member runs ${release.to.name} already`);
  }
  const bound = release === null ? PLAN_NODES_MAX : unavailableMax(members.length);
  const maxUnavailable = options.maxUnavailable ?? Math.min(batchSize, bound);
  requireCount(
    `the number of unavailable nodes of a swarm of ${members.length}`,
    maxUnavailable,
    1,
    bound,
  );
  const plan: Omit<RolloutPlan, 'irreversible'> = {
    form: 2,
    kind: release === null ? 'engine' : 'release',
    from: release?.from.name ?? 'v1',
    to: release?.to.name ?? 'v2',
    release,
    batches: batchesOf(
      orderOf(members, leader),
      canaries,
      batchSize,
      release === null ? NO_RATION : rationOf(members, options.votersWanted),
    ),
    canaries,
    maxUnavailable,
    soakMs: options.soakMs ?? 0,
    notBeforeMs: options.notBeforeMs ?? 0,
    windows: options.windows ?? [],
    autoFinalize: options.autoFinalize ?? true,
    rollbackWindowMs: options.rollbackWindowMs ?? ROLLBACK_WINDOW_MS_DEFAULT,
    guards: options.guards ?? null,
    inexpressible: options.inexpressible ?? [],
  };
  const whole: RolloutPlan = { ...plan, irreversible: irreversibleSteps(plan) };
  const fault = planFault(whole);
  if (fault !== null) throw new RolloutPlanError('out-of-range', fault);
  return whole;
}

function requireCount(what: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new RolloutPlanError('out-of-range', `${what} must be ${min} to ${max}, not ${value}`);
}

/** By turns from each zone, in each by id; the leader last. */
export function orderOf(members: readonly PlannableMember[], leader: number): number[] {
  const zones = new Map<string, number[]>();
  for (const { nodeId, zone } of [...members].sort((a, b) => a.nodeId - b.nodeId)) {
    if (nodeId === leader) continue;
    const key = zone === undefined || zone === '' ? `node ${nodeId}` : `zone ${zone}`;
    const inZone = zones.get(key);
    if (inZone === undefined) zones.set(key, [nodeId]);
    else inZone.push(nodeId);
  }
  const order: number[] = [];
  for (let turn = 0; order.length < members.length && turn < members.length; turn += 1) {
    for (const inZone of zones.values()) {
      const nodeId = inZone[turn];
      if (nodeId !== undefined) order.push(nodeId);
    }
  }
  return members.some(({ nodeId }) => nodeId === leader) ? [...order, leader] : order;
}

/** Whose stop is rationed, and how many of them may be in one batch. */
interface Ration {
  readonly of: ReadonlySet<number>;
  readonly most: number;
}

const NO_RATION: Ration = { of: new Set(), most: 0 };

/**
 * Voters among members that are none; when all vote the bound of the plan is enough. While more or
 * fewer vote than are to, it may be any member that votes when its batch stops.
 */
function rationOf(members: readonly PlannableMember[], wanted?: number): Ration {
  const voters = members.filter(({ voter = true }) => voter).map(({ nodeId }) => nodeId);
  const inTheEnd =
    wanted === undefined ? voters.length : Math.min(wanted || members.length, members.length);
  const most = unavailableMax(Math.min(voters.length, inTheEnd));
  if (voters.length !== inTheEnd) return { of: new Set(members.map((one) => one.nodeId)), most };
  return voters.length === members.length ? NO_RATION : { of: new Set(voters), most };
}

function batchesOf(
  order: readonly number[],
  canaries: number,
  batchSize: number,
  ration: Ration,
): number[][] {
  const batches = order.slice(0, canaries).map((nodeId) => [nodeId]);
  let waiting = order.slice(canaries);
  while (waiting.length > 0) {
    const batch: number[] = [];
    let left = ration.most;
    for (const nodeId of waiting) {
      const isRationed = ration.of.has(nodeId);
      if (batch.length === batchSize || (isRationed && left === 0)) continue;
      if (isRationed) left -= 1;
      batch.push(nodeId);
    }
    batches.push(batch);
    waiting = waiting.filter((nodeId) => !batch.includes(nodeId));
  }
  return batches;
}

/** What is wrong with a plan that came in an entry, or null. The same on every node. */
export function planFault(plan: RolloutPlan): string | null {
  const { kind, release, batches, canaries, guards } = plan;
  const nodes = batches.flat();
  if (nodes.length === 0 || batches.some((batch) => batch.length === 0)) return 'a batch is empty';
  if (nodes.length > PLAN_NODES_MAX) return `there are more than ${PLAN_NODES_MAX} nodes`;
  if (new Set(nodes).size !== nodes.length) return 'a node is in two batches';
  if (canaries > nodes.length || batches.slice(0, canaries).some(({ length }) => length !== 1)) {
    return 'a canary has to be a batch of its own';
  }
  const named =
    kind === 'engine'
      ? release === null && plan.from === 'v1' && plan.to === 'v2'
      : release !== null && plan.from === release.from.name && plan.to === release.to.name;
  if (!named || plan.from === plan.to) return 'it does not lead from one version to another';
  const ranges: readonly (readonly [string, number, number, number])[] = [
    ['maxUnavailable', plan.maxUnavailable, 1, PLAN_NODES_MAX],
    ['soakMs', plan.soakMs, 0, SOAK_MS_MAX],
    ['notBeforeMs', plan.notBeforeMs, 0, Number.MAX_SAFE_INTEGER],
    ['rollbackWindowMs', plan.rollbackWindowMs, 0, ROLLBACK_WINDOW_MS_MAX],
  ];
  for (const [name, value, min, max] of ranges) {
    const isInRange = Number.isSafeInteger(value) && value >= min && value <= max;
    if (!isInRange) return `${name} must be a whole number from ${min} to ${max}, not ${value}`;
  }
  const fault = windowsFault(plan.windows);
  if (fault !== null) return fault;
  const sentences = [...plan.irreversible, ...plan.inexpressible];
  if (sentences.length > 2 * SENTENCES_MAX) return `there are more than ${SENTENCES_MAX} sentences`;
  if (sentences.some(({ length }) => length > SENTENCE_LENGTH_MAX)) return 'a sentence is too long';
  return guards === null ? null : guardsFault(guards);
}

function guardsFault(guards: Guards): string | null {
  const { action: _, ...numbers } = guards;
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isFinite(value) || value < 0)
      return `guard ${name} must be 0 or more, not ${value}`;
  }
  if (guards.windowMs < 100) return `guard windowMs must be at least 100, not ${guards.windowMs}`;
  if (guards.windows < 1) return `guard windows must be at least 1, not ${guards.windows}`;
  return guards.errorRateMax > 1 ? 'guard errorRateMax is a share, 0 to 1' : null;
}

/** The plan as releases before this one have it and read it. */
export function formerPlan(order: readonly number[]): RolloutPlan {
  return {
    form: 1,
    kind: 'engine',
    from: 'v1',
    to: 'v2',
    release: null,
    batches: order.map((nodeId) => [nodeId]),
    canaries: 0,
    maxUnavailable: 1,
    soakMs: 0,
    notBeforeMs: 0,
    windows: [],
    autoFinalize: true,
    rollbackWindowMs: 0,
    guards: null,
    irreversible: [],
    inexpressible: [],
  };
}

/** The bytes that the digest of a plan is taken of: one fixed order of fields, versioned. */
export function canonicalPlan(plan: RolloutPlan): string {
  const steps = stepsOf(plan.kind, 'forward');
  if (plan.form === 1) {
    const former = steps.filter((step) => step !== 'soak');
    return JSON.stringify(['rollout-plan', 1, plan.from, plan.to, plan.batches.flat(), former]);
  }
  const { kind, from, to, release, batches, canaries, maxUnavailable, soakMs, guards } = plan;
  // A plan without windows has the bytes that it had before there were any.
  const windows = plan.windows.map(windowValues);
  return JSON.stringify([
    'rollout-plan',
    windows.length === 0 ? 2 : 3,
    kind,
    from,
    to,
    release === null ? null : [releaseValues(release.from), releaseValues(release.to)],
    batches,
    canaries,
    maxUnavailable,
    soakMs,
    plan.notBeforeMs,
    plan.autoFinalize,
    plan.rollbackWindowMs,
    guards === null ? null : guardValues(guards),
    plan.irreversible,
    plan.inexpressible,
    steps,
    stepsOf(kind, 'back'),
    ...(windows.length === 0 ? [] : [windows]),
  ]);
}

/** The values of a release in the order in which they stand in a plan and in an entry. */
export function releaseValues({ name, digest, commandVersion }: ReleaseName): (number | string)[] {
  return [name, digest, commandVersion];
}

/** The values of guards in the order in which they stand in a plan and in an entry. */
export function guardValues(guards: Guards): (number | string)[] {
  return [
    guards.windowMs,
    guards.windows,
    guards.errorRateMax,
    guards.p99Factor,
    guards.p99FloorMs,
    guards.applyLagMax,
    guards.memoryFactor,
    guards.memoryBytesMax,
    guards.diskFreeBytesMin,
    guards.restartsMax,
    guards.action,
  ];
}
