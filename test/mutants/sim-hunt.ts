/**
 * The process that hunts for a bug: it runs seed after seed of a scenario until one fails or its
 * time is over, and writes what it does to stdout, one JSON object a line. It is started anew for
 * each mutant, on the code as it then is.
 */
import { readFileSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Plan } from '../../sim/explore/plan.js';
import { parsePlanFile } from '../../sim/explore/plan-file.js';
import { runPlan } from '../../sim/explore/run-plan.js';
import type { Scenario } from '../../sim/explore/scenario.js';
import { scenarios } from '../../sim/scenarios/index.js';

/** What a run found. */
export interface Finding {
  readonly seed: number;
  readonly checker: string;
  readonly message: string;
}

/** A line of the process: a run begins, or all is over. */
export type HuntLine =
  | { readonly begins: number }
  | { readonly runs: number; readonly seconds: number; readonly finding: Finding | null };

/** Seconds of processor time that this process has used. */
function usedSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}

/** At once, so that the parent knows what was running when this process is killed. */
function say(line: HuntLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

function runOne(scenario: Scenario, plan: Plan): Finding | null {
  say({ begins: plan.seed });
  const { failure } = runPlan(scenario, plan);
  if (failure === undefined) return null;
  return { seed: plan.seed, checker: failure.checker, message: failure.message };
}

function hunt(scenario: Scenario, first: number, seconds: number, runsMax: number): void {
  const begun = usedSeconds();
  let finding: Finding | null = null;
  let runs = 0;
  while (finding === null && runs < runsMax && usedSeconds() - begun < seconds) {
    finding = runOne(scenario, scenario.draw(first + runs));
    runs += 1;
  }
  say({ runs, seconds: usedSeconds() - begun, finding });
}

/** Runs the plan of a file alone. */
function replay(path: string): void {
  const { plan } = parsePlanFile(readFileSync(path, 'utf8'));
  const finding = runOne(scenarioOf(plan.scenario), plan);
  say({ runs: 1, seconds: usedSeconds(), finding });
}

function scenarioOf(wanted: string): Scenario {
  const scenario = scenarios.find(({ name }) => name === wanted);
  if (scenario === undefined) throw new Error(`there is no scenario ${wanted}`);
  return scenario;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      plan: { type: 'string' },
      scenario: { type: 'string', default: '' },
      first: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '60' },
      runs: { type: 'string', default: 'Infinity' },
    },
  });
  if (values.plan !== undefined) return replay(values.plan);
  hunt(
    scenarioOf(values.scenario),
    Number(values.first),
    Number(values.seconds),
    Number(values.runs),
  );
}

main();
