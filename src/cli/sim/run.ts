/** `agentic-flow sim run`: seeds of a scenario on all cores, and what to know of those that fail. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { CampaignReport, SeedFailure, SeedOutcome } from '../../../sim/explore/campaign.js';
import { writePlanFile } from '../../../sim/explore/plan-file.js';
import type { Scenario } from '../../../sim/explore/scenario.js';
import { scenarios } from '../../../sim/scenarios/index.js';
import { ExitError } from '../failure.js';
import { ThreadedCampaign, ThreadedShrinking } from './campaign-threads.js';
import type { CampaignEnd, ShrinkOutcome } from './campaign-threads.js';
import { loadScenario } from './load-scenario.js';
import { Progress } from './progress.js';
import { seedsOf } from './run-flags.js';
import type { RunFlags, SeedRange } from './run-flags.js';
import { failureText, outcomeLine, reportText } from './run-text.js';

/** A failing seed, with the file of its plan if it has one. */
export interface ReportedFailure {
  readonly scenario: string;
  readonly seed: number;
  readonly checker: string;
  readonly message: string;
  readonly atMicroseconds: number;
  /** The command that shows it. */
  readonly replay: string;
  /** Where the plan was written; left out when there is none that fails by itself. */
  readonly file?: string;
  readonly shrunk?: {
    readonly runs: number;
    readonly isMinimal: boolean;
    readonly faults: number;
    readonly operations: number;
  };
  /** Why the plan is not smaller. */
  readonly notShrunk?: string;
}

interface ScenarioRun {
  readonly report: CampaignReport;
  readonly end: CampaignEnd;
  readonly failures: readonly ReportedFailure[];
}

/** Checkers of failures that a plan alone does not show. */
const NOT_IN_PLAN: readonly string[] = ['determinism', 'scenario', 'worker-died', 'run-time'];

export async function run(flags: RunFlags): Promise<void> {
  const named =
    flags.scenario === 'all'
      ? scenarios.map((scenario) => ({ scenario, name: scenario.name }))
      : [{ scenario: await loadScenario(flags.scenario), name: flags.scenario }];
  const range = seedsOf(flags, Date.now());
  const interruption = new Interruption();
  const startMs = performance.now();
  const runs: ScenarioRun[] = [];
  try {
    for (const { scenario, name } of named) {
      if (interruption.isOn) break;
      const minutes = flags.minutes === undefined ? undefined : flags.minutes / named.length;
      runs.push(await runScenario(scenario, name, flags, range, minutes, interruption));
    }
  } finally {
    interruption.dispose();
  }
  const seconds = Math.round((performance.now() - startMs) / 100) / 10;
  show(flags, runs, seconds);
  if (runs.some(({ failures }) => failures.length > 0)) throw new ExitError(1);
  if (runs.reduce((sum, { report }) => sum + report.seeds, 0) === 0) {
    throw new ExitError(interruption.isOn ? 130 : 1, 'error: no seed was run');
  }
  if (interruption.isOn) throw new ExitError(130);
}

async function runScenario(
  scenario: Scenario,
  name: string,
  flags: RunFlags,
  { firstSeed, lastSeed, verifyEvery }: SeedRange,
  minutes: number | undefined,
  interruption: Interruption,
): Promise<ScenarioRun> {
  const { workers, eventsMax } = flags;
  const progress = new Progress(scenario.name, lastSeed - firstSeed + 1, flags.quiet !== true);
  const campaign = new ThreadedCampaign({
    scenario,
    scenarioName: name,
    firstSeed,
    lastSeed,
    workers,
    failuresMax: flags.failures,
    verifyEvery,
    eventsMax,
    runSecondsMax: flags.runSeconds,
    onOutcome: (outcome: SeedOutcome) => {
      progress.add(outcome);
      if (flags.each === true && flags.json !== true) {
        process.stdout.write(`${outcomeLine(outcome)}\n`);
      }
    },
  });
  interruption.onInterrupt(() => campaign.stop('interrupted'));
  const timer =
    minutes === undefined ? undefined : setTimeout(() => campaign.stop('time'), minutes * 60_000);
  const end = await campaign.run();
  clearTimeout(timer);
  const { report } = campaign;
  progress.say(report.failures.length > 0 ? 'making plans of failing seeds smaller' : '');
  const failures = await reportFailures(name, report.failures, flags, interruption);
  progress.end();
  return { report, end, failures };
}

async function reportFailures(
  scenario: string,
  failures: readonly SeedFailure[],
  flags: RunFlags,
  interruption: Interruption,
): Promise<ReportedFailure[]> {
  const inPlan = failures.filter(({ failure }) => !NOT_IN_PLAN.includes(failure.checker));
  const { workers, eventsMax, shrinkSeconds, runSeconds } = flags;
  const count = Math.min(workers, inPlan.length);
  const shrinking = new ThreadedShrinking(scenario, count, eventsMax);
  interruption.onInterrupt(() => shrinking.stop());
  const outcomes = await shrinking.run(inPlan, {
    runsMax: flags.shrink ? flags.shrinkRuns : 1,
    seconds: shrinkSeconds,
    runSecondsMax: runSeconds,
  });
  return failures.map((failed) => {
    const at = inPlan.indexOf(failed);
    return reportFailure(scenario, failed, at === -1 ? undefined : outcomes[at], flags);
  });
}

function reportFailure(
  scenario: string,
  { seed, failure }: SeedFailure,
  outcome: ShrinkOutcome | undefined,
  flags: RunFlags,
): ReportedFailure {
  // The smaller plan fails with a message that is easier to read.
  const shown = outcome !== undefined && 'plan' in outcome ? outcome.failure : failure;
  const { checker, message, atMicroseconds } = shown;
  const about = { scenario, seed, checker, message, atMicroseconds };
  const again = `agentic-flow sim run --scenario ${scenario} --seed ${seed}`;
  if (outcome === undefined) return { ...about, replay: again };
  if ('refused' in outcome) return { ...about, replay: again, notShrunk: outcome.refused };
  const { plan, runs, isMinimal } = outcome;
  mkdirSync(flags.out, { recursive: true });
  const file = join(flags.out, `${plan.scenario}-${seed}.json`);
  const expect = { checker: outcome.failure.checker };
  writeFileSync(file, writePlanFile({ plan, expect, mustReach: [] }));
  const module = scenario === plan.scenario ? '' : ` --scenario ${scenario}`;
  return {
    ...about,
    replay: `agentic-flow sim replay ${file}${module}`,
    file,
    ...(flags.shrink
      ? {
          shrunk: {
            runs,
            isMinimal,
            faults: plan.schedule.faults.length,
            operations: plan.operations.length,
          },
        }
      : { notShrunk: 'as asked' }),
  };
}

function show(flags: RunFlags, runs: readonly ScenarioRun[], seconds: number): void {
  const failures = runs.flatMap((one) => one.failures);
  const seeds = runs.reduce((sum, { report }) => sum + report.seeds, 0);
  if (flags.json === true) {
    const reports = runs.map(({ report, end }) => {
      const { failures: _, ...sums } = report;
      return { ...sums, end };
    });
    process.stdout.write(`${JSON.stringify({ seeds, seconds, scenarios: reports, failures })}\n`);
    return;
  }
  for (const { report, end, failures: own } of runs) {
    for (const failure of own) process.stdout.write(`${failureText(failure)}\n\n`);
    process.stdout.write(`${reportText(report, end)}\n`);
  }
  process.stdout.write(
    `${seeds - failures.length} passed, ${failures.length} failed in ${seconds} s\n`,
  );
}

/** Ctrl-C, or a polite kill: what runs is given up, and what ran is reported. */
class Interruption {
  isOn = false;
  #then: () => void = () => undefined;
  readonly #interrupt = (): void => {
    this.isOn = true;
    this.#then();
    // Who presses it twice does not want the report.
    this.dispose();
  };

  constructor() {
    process.on('SIGINT', this.#interrupt);
    process.on('SIGTERM', this.#interrupt);
  }

  /** What to do at an interruption, from now on; at once if there has been one. */
  onInterrupt(then: () => void): void {
    this.#then = then;
    if (this.isOn) then();
  }

  dispose(): void {
    process.off('SIGINT', this.#interrupt);
    process.off('SIGTERM', this.#interrupt);
  }
}
