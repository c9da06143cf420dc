/** What the scenarios of a swarm have in common: the settings they draw, the world, and its nodes. */
import { SettingsReader } from '../explore/settings.js';
import type { Plan } from '../explore/plan.js';
import { clockFaultKinds, networkFaultKinds } from '../nemesis/index.js';
import type { FaultKind } from '../nemesis/index.js';
import { World } from '../world/index.js';
import type { CrashLoss, RandomStream } from '../world/index.js';
import { restrictSchedule } from '../explore/schedule-edit.js';
import { nodeName } from './swarm-messages.js';
import type { SwarmMessage } from './swarm-messages.js';
import { SwarmNodeProcess, swarmNode } from './swarm-node.js';
import type { SwarmOptions } from './swarm-node.js';

/** Network, disks and nodes of a swarm, as they stand in a plan. */
export interface SwarmSettings {
  readonly meanDelayMicroseconds: number;
  readonly lossProbability: number;
  readonly duplicationProbability: number;
  readonly reorderingProbability: number;
  readonly crashLoss: CrashLoss;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly compactionEntries: number;
}

/** Nodes of one swarm in a plan. */
export const SWARM_NODES_MAX = 9;

/** A swarm's nodes have no answer to a disk that fails or damages what it holds. */
export const KINDS_SURVIVED: readonly FaultKind[] = [
  ...networkFaultKinds,
  ...clockFaultKinds,
  'crash',
  'pause',
  'disk-stall',
];

/** Which kinds of faults a run meets: some of those that a swarm survives. */
export function drawFaultKinds(random: RandomStream): FaultKind[] {
  return random.shuffle(KINDS_SURVIVED).slice(0, random.integer(1, KINDS_SURVIVED.length));
}

const CRASH_LOSSES = ['all-unsynced', 'random-suffix'] as const;

/** `isLossless`: nothing sent is lost. */
export function drawSwarmSettings(
  random: RandomStream,
  { isLossless }: { readonly isLossless: boolean },
): SwarmSettings {
  return {
    meanDelayMicroseconds: random.integer(500, 8_000),
    lossProbability: isLossless ? 0 : random.pick([0, 0, 0.01, 0.05]),
    duplicationProbability: random.pick([0, 0.02]),
    reorderingProbability: random.pick([0, 0.3]),
    crashLoss: random.pick(CRASH_LOSSES),
    electionTicks: random.integer(8, 20),
    heartbeatTicks: random.integer(1, 3),
    compactionEntries: random.pick([20, 60, 1_000]),
  };
}

export function readSwarmSettings(reader: SettingsReader): SwarmSettings {
  return {
    meanDelayMicroseconds: reader.integer('meanDelayMicroseconds', 100, 200_000),
    lossProbability: reader.number('lossProbability', 0, 0.5),
    duplicationProbability: reader.number('duplicationProbability', 0, 0.5),
    reorderingProbability: reader.number('reorderingProbability', 0, 1),
    crashLoss: reader.oneOf('crashLoss', CRASH_LOSSES),
    electionTicks: reader.integer('electionTicks', 4, 100),
    heartbeatTicks: reader.integer('heartbeatTicks', 1, 50),
    compactionEntries: reader.integer('compactionEntries', 4, 1_000_000),
  };
}

export function swarmWorld(seed: number, settings: SwarmSettings): World<SwarmMessage, unknown> {
  return new World<SwarmMessage, unknown>({
    seed,
    network: {
      delay: {
        kind: 'exponential',
        minimumMicroseconds: 100,
        meanMicroseconds: settings.meanDelayMicroseconds,
        maximumMicroseconds: 200_000,
      },
      lossProbability: settings.lossProbability,
      duplicationProbability: settings.duplicationProbability,
      reorderingProbability: settings.reorderingProbability,
    },
    disk: {
      syncDelay: { kind: 'uniform', minimumMicroseconds: 200, maximumMicroseconds: 8_000 },
      crashLoss: settings.crashLoss,
    },
    digest: (message) => message.kind,
  });
}

/** Adds the nodes of a swarm, and returns the process of each, as of its last start. */
export function addSwarmNodes(
  world: World<SwarmMessage, unknown>,
  { electionTicks, heartbeatTicks, compactionEntries }: SwarmSettings,
  options: Omit<SwarmOptions, 'electionTicks' | 'heartbeatTicks' | 'compactionEntries'>,
): ReadonlyMap<number, SwarmNodeProcess> {
  const processes = new Map<number, SwarmNodeProcess>();
  const program = swarmNode({ ...options, electionTicks, heartbeatTicks, compactionEntries });
  for (const nodeId of options.nodeIds) {
    world.addNode(nodeName(nodeId), {
      start: (disk, context) => {
        const process = program.start(disk, context) as SwarmNodeProcess;
        processes.set(nodeId, process);
        return process;
      },
    });
  }
  return processes;
}

export function swarmNodeIds(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** Settings of a swarm, each with the value that takes a mechanism away. */
const SIMPLER_SWARM_SETTINGS: readonly (readonly [name: string, value: number | string])[] = [
  ['lossProbability', 0],
  ['duplicationProbability', 0],
  ['reorderingProbability', 0],
  ['crashLoss', 'all-unsynced'],
  ['compactionEntries', 1_000],
];

/** Plans with fewer nodes, and then with one mechanism off each. */
export function simplifySwarmPlan(plan: Plan): Plan[] {
  const simpler: Plan[] = [];
  const withSettings = (changed: Plan['settings']): Plan => ({
    ...plan,
    settings: { ...plan.settings, ...changed },
  });
  for (const nodes of [1, 3, 5]) {
    if (nodes < Number(plan.settings['nodes'])) {
      const names = swarmNodeIds(nodes).map(nodeName);
      const schedule = restrictSchedule(plan.schedule, names);
      simpler.push({ ...withSettings({ nodes }), schedule });
    }
  }
  for (const [name, value] of SIMPLER_SWARM_SETTINGS) {
    if (plan.settings[name] !== value) simpler.push(withSettings({ [name]: value }));
  }
  return simpler;
}
