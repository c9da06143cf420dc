/** What scenarios of twins (`sim/bft/twins.ts`) have in common: many small scenarios a run, and no clock. */
import {
  type TwinsOutcome,
  type TwinsScenario,
  type TwinsSize,
  drawTwins,
  runTwins,
} from '../bft/twins.js';
import { Violation } from '../checkers/violation.js';
import { failureFrom } from '../explore/failure.js';
import type { Plan } from '../explore/plan.js';
import type { Failure, RunOptions, RunResult, Scenario } from '../explore/scenario.js';
import { SettingsReader } from '../explore/settings.js';
import { RandomStream } from '../world/index.js';
import { Trace, hashName } from '../world/trace.js';

const SCENARIOS_MAX = 1_000_000;

interface Settings extends TwinsSize {
  /** The number of the first scenario of this run, and how many there are. */
  readonly first: number;
  readonly scenarios: number;
}

/** What a scenario came to, as the one who judges it says. */
interface TwinsVerdict {
  /** What is wrong, in a sentence; null if all is as it must be. */
  readonly violation: string | null;
  /** Goes into the trace. */
  readonly text: string;
  readonly probes: readonly string[];
}

/** How scenarios of twins differ. */
export interface TwinsDefinition {
  readonly name: string;
  readonly summary: string;
  readonly probes: readonly string[];
  readonly scenariosPerRun: number;
  /** How many of so many validators are twins. */
  twinsOf(validators: number): number;
  /** `random` is of this scenario alone. */
  judge(outcome: TwinsOutcome, scenario: TwinsScenario, random: RandomStream): TwinsVerdict;
}

/** A scenario of the simulator in which faulty validators have twins. */
export function twinsScenario(definition: TwinsDefinition): Scenario {
  const { name, summary, probes } = definition;
  return {
    name,
    summary,
    probes,
    draw: (seed) => draw(seed, definition),
    run: (plan, options) => run(plan, definition, options),
    simplify: (plan) => simplify(plan, definition),
  };
}

function draw(seed: number, { name, scenariosPerRun, twinsOf }: TwinsDefinition): Plan {
  const random = new RandomStream(seed, 'scenario');
  const validators = random.pick([4, 4, 4, 4, 4, 4, 4, 7]);
  const settings: Settings = {
    validators,
    twins: twinsOf(validators),
    // Three rounds are what two locks and a way past them take; more seldom show more.
    rounds: random.pick([3, 3, 3, 3, 4, 5]),
    first: 0,
    scenarios: scenariosPerRun,
  };
  return planOf(seed, name, settings);
}

function planOf(seed: number, scenario: string, settings: Settings): Plan {
  const nodes = Array.from({ length: settings.validators }, (_, i) => `validator-${i + 1}`);
  const schedule = { seed, nodes, durationMicroseconds: 1, faults: [] };
  return { scenario, seed, settings: { ...settings }, schedule, operations: [] };
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

function run(plan: Plan, definition: TwinsDefinition, { observe }: RunOptions = {}): RunResult {
  const settings = readSettings(plan);
  const { first, scenarios } = settings;
  const trace = new Trace();
  const twins = hashName('twins');
  const probes = new Set<string>();
  let decisions = 0;
  let tried = 0;
  let failure: Failure | undefined;
  for (let at = first; at < first + scenarios && failure === undefined; at += 1) {
    const scenario = drawTwins(new RandomStream(plan.seed, `twins ${at}`), settings);
    const outcome = runTwins(scenario);
    const random = new RandomStream(plan.seed, `judge ${at}`);
    const { violation, text, probes: reached } = definition.judge(outcome, scenario, random);
    tried += 1;
    decisions += outcome.decided;
    trace.record(at, 'message', twins, twins, `${text} ${violation ?? ''}`);
    for (const probe of reached) probes.add(probe);
    if (violation === null) continue;
    const drawn = `scenario ${at}: ${JSON.stringify(scenario)}`;
    observe?.({ kind: 'note', atMicroseconds: at, text: drawn });
    failure = failureFrom(new Violation(definition.name, `scenario ${at}: ${violation}`), at);
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
function simplify(plan: Plan, { name }: TwinsDefinition): readonly Plan[] {
  const settings = readSettings(plan);
  const { first, scenarios, rounds } = settings;
  const half = Math.floor(scenarios / 2);
  const simpler: Partial<Settings>[] =
    half === 0 ? [] : [{ scenarios: half }, { first: first + half, scenarios: scenarios - half }];
  if (rounds > 1) simpler.push({ rounds: rounds - 1 });
  return simpler.map((part) => planOf(plan.seed, name, { ...settings, ...part }));
}
