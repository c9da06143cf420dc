/**
 * Twins of Byzantine validators (`sim/bft/twins.ts`): each run tries so many scenarios, which have
 * partitions for each step of each round, and no clock.
 */
import { type TwinsSize, drawTwins, runTwins } from '../bft/twins.js';
import { Violation } from '../checkers/violation.js';
import { failureFrom } from '../explore/failure.js';
import type { Plan } from '../explore/plan.js';
import type { Failure, RunOptions, RunResult, Scenario } from '../explore/scenario.js';
import { SettingsReader } from '../explore/settings.js';
import { RandomStream } from '../world/index.js';
import { Trace, hashName } from '../world/trace.js';

const SCENARIOS_PER_RUN = 200;
const SCENARIOS_MAX = 1_000_000;
const PROBES = ['some-decide', 'nobody-decides', 'all-decide', 'twin-proven'] as const;
type Probe = (typeof PROBES)[number];

interface Settings extends TwinsSize {
  /** The number of the first scenario of this run, and how many there are. */
  readonly first: number;
  readonly scenarios: number;
}

export const bftTwins: Scenario = {
  name: 'bft-twins',
  summary: 'Tendermint with twins of its faulty validators, in partitions by step of each round',
  probes: PROBES,
  draw,
  run,
  simplify,
};

function draw(seed: number): Plan {
  const random = new RandomStream(seed, 'scenario');
  const validators = random.pick([4, 4, 4, 4, 4, 4, 4, 7]);
  const settings: Settings = {
    validators,
    twins: (validators - 1) / 3,
    // Three rounds are what two locks and a way past them take; more seldom show more.
    rounds: random.pick([3, 3, 3, 3, 4, 5]),
    first: 0,
    scenarios: SCENARIOS_PER_RUN,
  };
  return planOf(seed, settings);
}

function planOf(seed: number, settings: Settings): Plan {
  const nodes = Array.from({ length: settings.validators }, (_, i) => `validator-${i + 1}`);
  const schedule = { seed, nodes, durationMicroseconds: 1, faults: [] };
  return { scenario: bftTwins.name, seed, settings: { ...settings }, schedule, operations: [] };
}

function readSettings(plan: Plan): Settings {
  const reader = new SettingsReader(plan.settings);
  const settings = {
    validators: reader.integer('validators', 1, 31),
    twins: reader.integer('twins', 0, 31),
    rounds: reader.integer('rounds', 1, 100),
    first: reader.integer('first', 0, SCENARIOS_MAX),
    scenarios: reader.integer('scenarios', 1, SCENARIOS_MAX),
  };
  reader.end();
  return settings;
}

function run(plan: Plan, { observe }: RunOptions = {}): RunResult {
  const settings = readSettings(plan);
  const { validators, first, scenarios } = settings;
  const trace = new Trace();
  const name = hashName('twins');
  const probes = new Set<Probe>();
  let decisions = 0;
  let tried = 0;
  let failure: Failure | undefined;
  for (let at = first; at < first + scenarios && failure === undefined; at += 1) {
    const scenario = drawTwins(new RandomStream(plan.seed, `twins ${at}`), settings);
    const { violation, decided, accused } = runTwins(scenario);
    tried += 1;
    decisions += decided;
    trace.record(at, 'message', name, name, `${decided} ${accused} ${violation ?? ''}`);
    const correct = validators - settings.twins;
    probes.add(decided === 0 ? 'nobody-decides' : decided < correct ? 'some-decide' : 'all-decide');
    if (accused > 0) probes.add('twin-proven');
    if (violation === null) continue;
    const text = `scenario ${at}: ${JSON.stringify(scenario)}`;
    observe?.({ kind: 'note', atMicroseconds: at, text });
    failure = failureFrom(new Violation('bft-twins', `scenario ${at}: ${violation}`), at);
  }
  return {
    events: trace.events,
    simulatedMicroseconds: 0,
    traceHash: trace.hash,
    counts: { scenarios: tried, decisions },
    probes,
    ...(failure === undefined ? {} : { failure }),
  };
}

/** One half of the scenarios or the other, until there is one; then fewer rounds. */
function simplify(plan: Plan): readonly Plan[] {
  const settings = readSettings(plan);
  const { first, scenarios, rounds } = settings;
  const half = Math.floor(scenarios / 2);
  const simpler: Partial<Settings>[] =
    half === 0 ? [] : [{ scenarios: half }, { first: first + half, scenarios: scenarios - half }];
  if (rounds > 1) simpler.push({ rounds: rounds - 1 });
  return simpler.map((part) => planOf(plan.seed, { ...settings, ...part }));
}
