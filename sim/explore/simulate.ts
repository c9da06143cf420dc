/** The simulator in a test: `simulate` runs seeds, `replayPlan` runs a plan that was kept. */
import { describeSchedule } from '../nemesis/index.js';
import { SimulationError } from '../world/index.js';
import { checkSeeds, runCampaign } from './campaign.js';
import type { CampaignReport, SeedFailure } from './campaign.js';
import { drawDiagram } from './diagram.js';
import type { Plan } from './plan.js';
import { compareWithExpectation, parsePlanFile, writePlanFile } from './plan-file.js';
import type { Failure, RunResult, Scenario } from './scenario.js';
import { shrink } from './shrink.js';
import type { ShrinkOptions, ShrinkResult } from './shrink.js';
import { tellStory } from './story.js';

export interface SimulateOptions {
  readonly scenario: Scenario;
  /** Both ends are run; a number means so many from 1 on. 100 unless named. */
  readonly seeds?: number | { readonly from: number; readonly to: number };
  /** Probes that the seeds together must reach, or `all` of the scenario. */
  readonly mustReach?: readonly string[] | 'all';
  /** Of so many seeds the first is run twice and compared; 1,000 unless named. */
  readonly verifyEvery?: number;
  /** Events after which a run is given up. */
  readonly eventsMax?: number;
  /** Bounds of the shrinking; `false` for none. */
  readonly shrink?: ShrinkOptions | false;
  /** Moments of the diagram in the message of an error; 40 unless named. */
  readonly diagramMoments?: number;
  /** Keeps the plan of a failing seed, for example by `writeFileSync`; returns where. */
  readonly save?: (fileName: string, text: string) => string | undefined;
}

const SEEDS_USUAL = 100;
const DIAGRAM_MOMENTS_USUAL = 40;

/** A seed that failed: the message is for a reader, the rest for a program. */
export class SimulationFailure extends Error {
  override readonly name = 'SimulationFailure';
  constructor(
    message: string,
    readonly scenario: string,
    readonly seed: number,
    readonly failure: Failure,
    /** The smallest plan that was found to fail in this way. */
    readonly plan: Plan,
    /** The same as the text of a file for `agentic-flow sim replay`. */
    readonly planText: string,
    readonly shrunk: ShrinkResult | undefined,
  ) {
    super(message);
  }

  get checker(): string {
    return this.failure.checker;
  }
}

/**
 * Runs seeds of a scenario. Returns the report when everything held. Throws `SimulationFailure` for
 * the first seed that failed, made smaller and drawn, and `SimulationError` when nothing can be run
 * or a probe was not reached.
 */
export function simulate(options: SimulateOptions): CampaignReport {
  const { scenario, seeds = SEEDS_USUAL, eventsMax, verifyEvery } = options;
  const { from, to } = typeof seeds === 'number' ? { from: 1, to: seeds } : seeds;
  checkSeeds(from, to);
  const report = runCampaign({
    scenario,
    firstSeed: from,
    lastSeed: to,
    failuresMax: 1,
    ...(eventsMax === undefined ? {} : { eventsMax }),
    ...(verifyEvery === undefined ? {} : { verifyEvery }),
  });
  const [failed] = report.failures;
  if (failed !== undefined) throw failureOf(failed, options);
  requireProbes(report, options.mustReach ?? []);
  return report;
}

function requireProbes(report: CampaignReport, wanted: readonly string[] | 'all'): void {
  const probes = wanted === 'all' ? Object.keys(report.probes) : wanted;
  const missed = probes.filter((probe) => (report.probes[probe] ?? 0) === 0);
  if (missed.length === 0) return;
  throw new SimulationError(
    'probe-missed',
    `${report.seeds} seeds of ${report.scenario} did not reach ${missed.join(', ')}`,
  );
}

function failureOf(failed: SeedFailure, options: SimulateOptions): SimulationFailure {
  const { scenario, save } = options;
  const { seed, failure } = failed;
  const drawn = scenario.draw(seed);
  const shrunk = shrinkIfAsked(drawn, options);
  const plan = shrunk?.plan ?? drawn;
  const found = shrunk?.failure ?? failure;
  const planText = writePlanFile({ plan, expect: { checker: found.checker }, mustReach: [] });
  const fileName = `${scenario.name}-${seed}.json`;
  const saved = save?.(fileName, planText);
  const lines = [
    `seed ${seed} of ${scenario.name} fails: ${found.checker} at ${found.atMicroseconds / 1_000} ms`,
    found.message,
    '',
    ...describePlan(plan, shrunk),
    '',
    drawStory(scenario, plan, options),
    '',
    ...howToReplay(fileName, saved),
  ];
  const message = lines.join('\n');
  return new SimulationFailure(message, scenario.name, seed, found, plan, planText, shrunk);
}

/** Undefined for a failure that a plan does not show: one that another run need not have. */
function shrinkIfAsked(plan: Plan, options: SimulateOptions): ShrinkResult | undefined {
  const { scenario, eventsMax, shrink: bounds = {} } = options;
  if (bounds === false) return undefined;
  try {
    return shrink(scenario, plan, { ...(eventsMax === undefined ? {} : { eventsMax }), ...bounds });
  } catch (error) {
    if (error instanceof SimulationError) return undefined;
    throw error;
  }
}

function describePlan(plan: Plan, shrunk: ShrinkResult | undefined): string[] {
  const how =
    shrunk === undefined
      ? 'the plan as it was drawn'
      : `the plan after ${shrunk.runs} runs of shrinking` +
        (shrunk.isMinimal ? '; nothing more can be left out' : '; its bound ended it');
  const operations = plan.operations.map(({ atMicroseconds, client, operation }) => {
    const at = `${(atMicroseconds / 1_000).toFixed(3)} ms`.padStart(16);
    return `${at}  client ${client}: ${JSON.stringify(operation)}`;
  });
  const settings = `settings: ${JSON.stringify(plan.settings)}`;
  return [`${how}:`, settings, describeSchedule(plan.schedule), ...operations];
}

function drawStory(scenario: Scenario, plan: Plan, options: SimulateOptions): string {
  const { eventsMax, diagramMoments: last = DIAGRAM_MOMENTS_USUAL } = options;
  try {
    const story = tellStory(scenario, plan, eventsMax === undefined ? {} : { eventsMax });
    return drawDiagram(story, { last });
  } catch (error) {
    return `there is no diagram: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function howToReplay(fileName: string, saved: string | undefined): string[] {
  const path = saved ?? fileName;
  const command = `npx agentic-flow sim replay ${path} --scenario <the module of the scenario>`;
  if (saved !== undefined) return [`the plan is in ${saved}; replay: ${command}`];
  return [`write the planText of this error to ${fileName}; replay: ${command}`];
}

/**
 * Runs the plan in the text of a plan file, as a regression test does. Throws `SimulationError` when
 * the run does not end as the file expects, with the diagram of its last moments.
 */
export function replayPlan(scenario: Scenario, text: string): RunResult {
  const file = parsePlanFile(text);
  const story = tellStory(scenario, file.plan);
  const found = compareWithExpectation(file, story.result);
  if (found.length === 0) return story.result;
  const diagram = drawDiagram(story, { last: DIAGRAM_MOMENTS_USUAL });
  throw new SimulationError('not-as-expected', `${found.join('\n')}\n\n${diagram}`);
}
