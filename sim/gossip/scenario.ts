/** Membership by gossip, under faults: the core of production at 5, 50 and 500 members. */
import type { Plan } from '../explore/plan.js';
import type { Scenario } from '../explore/scenario.js';
import { restrictSchedule } from '../explore/schedule-edit.js';
import { SimulationError } from '../world/index.js';
import { RandomStream } from '../world/index.js';
import { generateSchedule } from '../nemesis/index.js';
import type { FaultKind } from '../nemesis/index.js';
import { nodeName } from './node.js';
import { GossipRun } from './run.js';
import { readSettings } from './settings.js';

const NAME = 'gossip';
const SECOND = 1_000_000;
/** Nothing of these is a reason to take a node for dead that is up. */
const CALM: readonly FaultKind[] = [
  'crash',
  'pause',
  'clock-jump',
  'clock-offset',
  'reordering',
  'replay',
  'reset',
];
const ROUGH: readonly FaultKind[] = [
  ...CALM,
  'partition',
  'isolate',
  'one-way',
  'bridge',
  'ring',
  'star',
  'swizzle',
  'loss',
  'duplication',
  'delay',
  'bandwidth',
  'slow-link',
  'clog',
  'address-change',
  'clock-drift',
];
/** One seed of so many is one of 500 members, which takes minutes. */
const LARGE_EVERY = 1_000;
const CALM_EVERY = 8;

/** See the head of this file. */
export const gossip: Scenario = {
  name: NAME,
  summary:
    'Membership by gossip at 5 to 500 members: who has crashed is known by all, who is well is taken ' +
    'for dead by nobody in 10 minutes under 30 % loss, all agree after a partition, and nobody ' +
    'comes back who was evicted',
  probes: ['not-admitted', 'stranger'],
  draw,
  run: (plan, options = {}) => {
    if (plan.scenario !== NAME) {
      const what = `the plan is one of the scenario ${plan.scenario}, not of ${NAME}`;
      throw new SimulationError('invalid-plan', what);
    }
    return new GossipRun(plan, options).finish();
  },
  simplify,
};

function draw(seed: number): Plan {
  const random = new RandomStream(seed, 'gossip plan');
  const isLarge = seed % LARGE_EVERY === 0;
  const isCalm = seed % CALM_EVERY === 0;
  const size = random.pick([3, 5, 5, 7, 10, 20]);
  const nodes = isLarge ? 500 : isCalm ? (random.chance(0.25) ? 50 : 5) : size;
  const settings = {
    nodes,
    lossPercent: isCalm ? 30 : random.pick([0, 0, 5, 20]),
    duplicationPercent: random.pick([0, 2]),
    delayMeanMicroseconds: random.pick([300, 1_000, 5_000]),
    isCalm,
  };
  const names = Array.from({ length: nodes }, (_, at) => nodeName(at + 1));
  const durationMicroseconds = isCalm ? 600 * SECOND : random.integer(20 * SECOND, 60 * SECOND);
  const schedule = generateSchedule(seed, {
    nodes: names,
    durationMicroseconds,
    kinds: random.shuffle(isCalm ? CALM : ROUGH).slice(0, random.integer(2, CALM.length)),
    meanPauseMicroseconds: isCalm ? 30 * SECOND : random.integer(SECOND, 6 * SECOND),
    meanFaultMicroseconds: random.integer(SECOND, 15 * SECOND),
  });
  return { scenario: NAME, seed, settings, schedule, operations: [] };
}

/** Fewer members; no loss; no duplicates. */
function simplify(plan: Plan): Plan[] {
  const settings = readSettings(plan.settings);
  const simpler: Plan[] = [];
  for (const nodes of [3, 5, 10, 50]) {
    if (nodes >= settings.nodes) continue;
    const names = Array.from({ length: nodes }, (_, at) => nodeName(at + 1));
    const schedule = restrictSchedule(plan.schedule, names);
    simpler.push({ ...plan, schedule, settings: { ...settings, nodes } });
  }
  for (const name of ['lossPercent', 'duplicationPercent'] as const) {
    if (settings[name] > 0) simpler.push({ ...plan, settings: { ...settings, [name]: 0 } });
  }
  return simpler;
}
