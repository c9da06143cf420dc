/** Makes a scenario out of a user's own protocol. */
import type { Json, Plan, TimedOperation } from '../explore/plan.js';
import { restrictSchedule } from '../explore/schedule-edit.js';
import type { Scenario } from '../explore/scenario.js';
import { generateSchedule, networkFaultKinds } from '../nemesis/index.js';
import type { FaultKind } from '../nemesis/index.js';
import { RandomStream, SimulationError } from '../world/index.js';
import type { NetworkOptions, Process } from '../world/index.js';
import { runDefined } from './defined-run.js';
import type { ScenarioDefinition, Settings } from './definition.js';
import { planSettings, readPlanSettings } from './plan-settings.js';

const SECOND = 1_000_000;
const KINDS_USUAL: readonly FaultKind[] = [...networkFaultKinds, 'crash', 'pause', 'disk-stall'];
const SECONDS_USUAL = [5, 15] as const;
const PAUSE_USUAL_MICROSECONDS = 500_000;
/** Operations go on after everything has healed, so that runs show that it serves again. */
const OPERATIONS_AFTER_MICROSECONDS = 2 * SECOND;
const NAME = /^[a-z][a-z0-9-]{0,63}$/;

/**
 * A scenario of a protocol that is written as programs on nodes:
 *
 *     export default defineScenario({
 *       name: 'my-counter',
 *       settings: (random) => ({ replicas: random.pick([3, 5]) }),
 *       nodes: ({ replicas }) => Array.from({ length: replicas }, (_, i) => `replica-${i + 1}`),
 *       program: (name, setup) => ({
 *         start: (disk, context: Context<Message, number>) => new Replica(setup, disk, context),
 *       }),
 *       client: { request: ..., answer: ... },
 *       operations: { clients: 2, draw: (random) => ({ add: random.integer(1, 9) }) },
 *       linearizable: { model: counter },
 *     });
 *
 * A run has a safety phase under the faults of its plan, and then a liveness phase in which all is
 * healed: every operation must be answered, and `settled` become true. Throws `SimulationError`
 * for a definition that cannot be run.
 */
export function defineScenario<
  Own extends Settings,
  Message,
  Value,
  Node extends Process<Message>,
  Asked extends Json = never,
  Answer = unknown,
>(definition: ScenarioDefinition<Own, Message, Value, Node, Asked, Answer>): Scenario {
  check(definition);
  return {
    name: definition.name,
    summary: definition.summary ?? 'A scenario without a summary',
    probes: definition.probes ?? [],
    draw: (seed) => draw(definition, seed),
    run: (plan, options = {}) => runDefined(definition, plan, options),
    simplify: (plan) => simplify(definition, plan),
  };
}

function check(definition: {
  readonly name: string;
  readonly client?: unknown;
  readonly operations?: unknown;
  readonly linearizable?: unknown;
}): void {
  const { name, client, operations, linearizable } = definition;
  const refuse = (what: string): never => {
    throw new SimulationError('invalid-option', `the scenario '${name}' ${what}`);
  };
  if (!NAME.test(name)) refuse('must have a name in lower case with dashes, at most 64 characters');
  if ((client === undefined) !== (operations === undefined)) {
    refuse('has to define client and operations together: what is asked, and how');
  }
  if (linearizable !== undefined && client === undefined) {
    refuse('has a model but no client whose answers it could judge');
  }
}

function draw<
  Own extends Settings,
  Message,
  Value,
  Node extends Process<Message>,
  Asked extends Json,
  Answer,
>(definition: ScenarioDefinition<Own, Message, Value, Node, Asked, Answer>, seed: number): Plan {
  const { name, faults = {} } = definition;
  const own = definition.settings(new RandomStream(seed, 'settings'));
  const nodes = definition.nodes(own);
  const random = new RandomStream(seed, 'faults');
  const [least, most] = faults.seconds ?? SECONDS_USUAL;
  const wanted = faults.kinds ?? KINDS_USUAL;
  const kinds = random
    .shuffle(wanted)
    .slice(0, random.integer(Math.min(1, wanted.length), wanted.length));
  const durationMicroseconds = random.integer(
    Math.round(least * SECOND),
    Math.round(most * SECOND),
  );
  const about = { nodes, durationMicroseconds };
  const pauses = {
    meanPauseMicroseconds: random.integer(SECOND / 2, 3 * SECOND),
    meanFaultMicroseconds: random.integer(SECOND / 5, 3 * SECOND),
  };
  const downMax = faults.nodesDownMax ?? Math.floor((nodes.length - 1) / 2);
  const schedule =
    kinds.length === 0
      ? { ...about, seed, faults: [] }
      : generateSchedule(seed, { ...about, ...pauses, kinds, nodesDownMax: downMax });
  const links = new RandomStream(seed, 'links');
  const network = definition.network?.(links) ?? drawNetwork(links);
  const settings = planSettings({
    own,
    network,
    crashLoss: links.pick(['all-unsynced', 'random-suffix']),
  });
  const operations = drawOperations(definition, seed, own, durationMicroseconds);
  return { scenario: name, seed, settings, schedule, operations };
}

function drawNetwork(random: RandomStream): NetworkOptions {
  return {
    delay: {
      kind: 'exponential',
      minimumMicroseconds: 100,
      meanMicroseconds: random.integer(500, 8_000),
      maximumMicroseconds: 200_000,
    },
    lossProbability: random.pick([0, 0, 0.01, 0.05]),
    duplicationProbability: random.pick([0, 0.02]),
    reorderingProbability: random.pick([0, 0.3]),
  };
}

function drawOperations<
  Own extends Settings,
  Message,
  Value,
  Node extends Process<Message>,
  Asked extends Json,
  Answer,
>(
  definition: ScenarioDefinition<Own, Message, Value, Node, Asked, Answer>,
  seed: number,
  own: Own,
  durationMicroseconds: number,
): TimedOperation[] {
  const { operations: wanted } = definition;
  if (wanted === undefined) return [];
  const clients = typeof wanted.clients === 'number' ? wanted.clients : wanted.clients(own);
  const mean = wanted.meanPauseMicroseconds ?? PAUSE_USUAL_MICROSECONDS;
  const until = durationMicroseconds + OPERATIONS_AFTER_MICROSECONDS;
  const operations: TimedOperation[] = [];
  for (let client = 1; client <= clients; client += 1) {
    const random = new RandomStream(seed, `operations ${client}`);
    const pause = (): number => Math.ceil(-Math.log(1 - random.fraction()) * mean) + 1;
    for (let at = pause(); at < until; at += pause()) {
      operations.push({ atMicroseconds: at, client, operation: wanted.draw(random, own) });
    }
  }
  return operations.toSorted((a, b) => a.atMicroseconds - b.atMicroseconds);
}

function simplify<
  Own extends Settings,
  Message,
  Value,
  Node extends Process<Message>,
  Asked extends Json,
  Answer,
>(definition: ScenarioDefinition<Own, Message, Value, Node, Asked, Answer>, plan: Plan): Plan[] {
  const current = readPlanSettings<Own>(plan);
  const { own, network, crashLoss } = current;
  const simpler = (definition.simplify?.(own) ?? []).map((settings): Plan => {
    const nodes = definition.nodes(settings);
    const schedule = restrictSchedule(plan.schedule, nodes);
    return { ...plan, schedule, settings: planSettings({ ...current, own: settings }) };
  });
  const changed = (part: Partial<typeof current>): void => {
    simpler.push({ ...plan, settings: planSettings({ ...current, ...part }) });
  };
  for (const name of [
    'lossProbability',
    'duplicationProbability',
    'reorderingProbability',
  ] as const) {
    if (network[name] !== 0) changed({ network: { ...network, [name]: 0 } });
  }
  if (crashLoss !== 'all-unsynced') changed({ crashLoss: 'all-unsynced' });
  return simpler;
}
