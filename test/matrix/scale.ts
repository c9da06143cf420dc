/** How a rollout grows with its swarm: plans of 10 to 100 nodes, and what is required of their figures. */
import type { Rollout, RolloutKind } from '../../nodes/rollout/state.js';
import type { Plan } from '../../sim/explore/plan.js';
import { generateSchedule } from '../../sim/nemesis/index.js';
import { type Load, LoadMeter } from '../../sim/scenarios/load-meter.js';
import { runUpgrade } from '../../sim/scenarios/rolling-upgrade.js';
import { nodeName } from '../../sim/scenarios/swarm-messages.js';
import { drawMemoryOperations } from '../../sim/scenarios/swarm-operations.js';
import { KINDS_SURVIVED, swarmNodeIds } from '../../sim/scenarios/swarm-world.js';

const SECOND = 1_000_000;
/** About what a batch takes; faults and clients go on for so long. */
const SECONDS_A_BATCH = 3;
const OPERATION_PAUSE_MICROSECONDS_MAX = 4 * SECOND;
const ZONES = 5;
/** From so many nodes on seven vote, below five. */
const SEVEN_VOTE_FROM = 50;

export const WAYS = ['forward', 'back', 'forward, faults', 'back, faults'] as const;

/** One run: a swarm of a size, rolled in batches of a size. */
export interface ScaleCase {
  readonly kind: RolloutKind;
  /** `back`: from the moment it is finalized; the way there is not measured. */
  readonly way: (typeof WAYS)[number];
  readonly nodes: number;
  readonly batchSize: number;
}

export interface ScaleResult extends ScaleCase {
  readonly events: number;
  readonly load?: Load;
  /** What did not hold in the run. */
  readonly failure?: string;
}

export function planOfScale({ kind, way, nodes, batchSize }: ScaleCase, seed: number): Plan {
  const voters = nodes < SEVEN_VOTE_FROM ? 5 : 7;
  const names = swarmNodeIds(nodes).map(nodeName);
  const rollMicroseconds = (10 + SECONDS_A_BATCH * Math.ceil(nodes / batchSize)) * SECOND;
  const isBack = way.startsWith('back');
  const settings = {
    nodes,
    voters,
    zones: ZONES,
    meanDelayMicroseconds: 1_000,
    lossProbability: 0,
    duplicationProbability: 0,
    reorderingProbability: 0,
    crashLoss: 'random-suffix',
    electionTicks: 20,
    heartbeatTicks: 2,
    compactionEntries: 1_000,
    kind,
    batchSize,
    canaries: 0,
    soakMs: 500,
    rollbackWindowMs: isBack ? 600_000 : 1_500,
    autoFinalize: true,
    rollbackAt: isBack ? 'finalized' : '',
    hit: '',
    hitAt: '',
    hitAfterNodes: 0,
    hitLastsMs: 0,
  };
  const calm = { seed, nodes: names, durationMicroseconds: SECOND, faults: [] };
  const schedule = way.endsWith('faults')
    ? generateSchedule(seed, {
        nodes: names,
        durationMicroseconds: rollMicroseconds,
        kinds: KINDS_SURVIVED,
        meanPauseMicroseconds: 5 * SECOND,
        meanFaultMicroseconds: 2 * SECOND,
        nodesDownMax: Math.floor((voters - 1) / 2),
        targets: ['@leader'],
      })
    : calm;
  const operations = drawMemoryOperations(
    seed,
    2,
    rollMicroseconds,
    OPERATION_PAUSE_MICROSECONDS_MAX,
  );
  return { scenario: 'rolling-upgrade', seed, settings, schedule, operations };
}

export function runScale(scale: ScaleCase, seed: number): ScaleResult {
  const { nodes, way } = scale;
  const isOver = ({ status }: Rollout): boolean => status === 'finalized' || status === 'completed';
  const meter = new LoadMeter(
    way.startsWith('back')
      ? { nodes, begins: isOver, ends: ({ status }) => status === 'rolledBack' }
      : { nodes, begins: () => true, ends: isOver },
  );
  const { events, failure } = runUpgrade(planOfScale(scale, seed), { meter });
  const result = { ...scale, events };
  if (failure === undefined) return { ...result, load: meter.load() };
  return { ...result, failure: `${failure.checker}: ${failure.message}` };
}
