/** What a rolling upgrade is like, as it stands in a plan: the rollout, and where a fault hits it. */
import { stepsOf } from '../../nodes/rollout/state.js';
import type { Guards, ReleaseName, RolloutKind } from '../../nodes/rollout/state.js';
import type { PlanOptions } from '../../nodes/rollout/plan.js';
import { COMMAND_VERSION } from '../../nodes/control-plane/state.js';
import { SettingsReader } from '../explore/settings.js';
import type { Plan } from '../explore/plan.js';
import type { RandomStream } from '../world/index.js';
import type { Spread } from './swarm-founding.js';
import { readSwarmSettings } from './swarm-world.js';
import type { SwarmSettings } from './swarm-world.js';

const UPGRADE_NODES_MAX = 101;
export const FIRST_RELEASE = 'first';
const SECOND_RELEASE = 'second';

/** What a cell of the matrix does to the node that comes to a step, or to the leader then. */
export const HITS = [
  'crash-node',
  'crash-leader',
  'symmetric-partition',
  'one-way-partition',
  'bridge',
  'ring',
  'loss-30',
  'disk-stall',
  'sync-failure',
  'disk-full',
  'clock-jump',
  'pause',
] as const;
export type Hit = (typeof HITS)[number];

/** Where in a rollout something happens: a step of a node on its way, or a status of the whole. */
const MOMENTS = [
  ...new Set([...stepsOf('engine', 'forward'), ...stepsOf('release', 'forward')]),
  'finalizing',
  'finalized',
  'back cordon',
  'back drain',
  'back switch',
  'back rejoin',
] as const;

export interface UpgradeSettings extends SwarmSettings {
  readonly nodes: number;
  /** How many are to vote, spread over the zones; 0: everybody does at first, and there is one zone. */
  readonly voters: number;
  readonly zones: number;
  readonly kind: RolloutKind;
  readonly batchSize: number;
  readonly canaries: number;
  readonly soakMs: number;
  readonly rollbackWindowMs: number;
  /** Otherwise the operator finalizes it. */
  readonly autoFinalize: boolean;
  /** The operator asks for a rollback when this moment has come; empty: not. */
  readonly rollbackAt: string;
  /** What happens at which moment; empty: nothing beyond the schedule. */
  readonly hit: Hit | '';
  readonly hitAt: string;
  /** It hits when so many nodes have been at that moment before. */
  readonly hitAfterNodes: number;
  readonly hitLastsMs: number;
}

export function readUpgradeSettings(plan: Plan): UpgradeSettings {
  const reader = new SettingsReader(plan.settings);
  const settings = {
    nodes: reader.integer('nodes', 1, UPGRADE_NODES_MAX),
    voters: reader.integerOr(0, 'voters', 0, 7),
    zones: reader.integerOr(1, 'zones', 1, UPGRADE_NODES_MAX),
    ...readSwarmSettings(reader),
    kind: reader.oneOf('kind', ['engine', 'release'] as const),
    batchSize: reader.integer('batchSize', 1, UPGRADE_NODES_MAX),
    canaries: reader.integer('canaries', 0, UPGRADE_NODES_MAX),
    soakMs: reader.integer('soakMs', 0, 60_000),
    rollbackWindowMs: reader.integer('rollbackWindowMs', 0, 3_600_000),
    autoFinalize: reader.boolean('autoFinalize'),
    rollbackAt: reader.oneOf('rollbackAt', ['', ...MOMENTS]),
    hit: reader.oneOf('hit', ['', ...HITS] as const),
    hitAt: reader.oneOf('hitAt', ['', ...MOMENTS]),
    hitAfterNodes: reader.integer('hitAfterNodes', 0, UPGRADE_NODES_MAX),
    hitLastsMs: reader.integer('hitLastsMs', 0, 60_000),
  };
  reader.end();
  return settings;
}

/** Nothing is measured here; who operates says when a node is unhealthy. */
const GUARDS: Guards = {
  windowMs: 1_000,
  windows: 2,
  errorRateMax: 0.1,
  p99Factor: 3,
  p99FloorMs: 50,
  applyLagMax: 1_000,
  memoryFactor: 2,
  memoryBytesMax: 0,
  diskFreeBytesMin: 0,
  restartsMax: 1,
  action: 'rollback',
};

/** How the rollout of a run is drawn. */
export function drawRollout(random: RandomStream, nodes: number) {
  return {
    kind: random.pick(['engine', 'release'] as const),
    batchSize: random.integer(1, Math.max(1, Math.floor((nodes - 1) / 2))),
    canaries: random.integer(0, Math.min(2, nodes)),
    soakMs: random.pick([0, 200, 1_500]),
    rollbackWindowMs: random.pick([0, 1_500, 6_000]),
    autoFinalize: random.chance(0.7),
  };
}

/** Who votes, for the nodes; nothing where everybody does. */
export function spreadOf({ voters, zones }: UpgradeSettings): { readonly spread?: Spread } {
  return voters === 0 ? {} : { spread: { voters, zones } };
}

export function planOptionsOf(settings: UpgradeSettings): PlanOptions {
  const { kind, batchSize, canaries, soakMs, rollbackWindowMs, autoFinalize } = settings;
  const guards = GUARDS;
  const options = { batchSize, canaries, soakMs, rollbackWindowMs, autoFinalize, guards };
  if (kind === 'engine') return options;
  return { ...options, release: { from: releaseOf(FIRST_RELEASE), to: releaseOf(SECOND_RELEASE) } };
}

function releaseOf(name: string): ReleaseName {
  return { name, digest: name, commandVersion: COMMAND_VERSION };
}
