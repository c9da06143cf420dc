/** `agentic-flow sim replay`, `shrink` and `list`. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';

import { drawDiagram, drawMermaid, selectMoments } from '../../../sim/explore/diagram.js';
import type { DiagramOptions } from '../../../sim/explore/diagram.js';
import { limits } from '../../../sim/explore/limits.js';
import {
  compareWithExpectation,
  parsePlanFile,
  writePlanFile,
} from '../../../sim/explore/plan-file.js';
import type { PlanFile } from '../../../sim/explore/plan-file.js';
import type { Scenario } from '../../../sim/explore/scenario.js';
import { shrink } from '../../../sim/explore/shrink.js';
import { tellStory } from '../../../sim/explore/story.js';
import { isBadPlan } from '../../../sim/explore/failure.js';
import { describeSchedule } from '../../../sim/nemesis/index.js';
import { scenarios } from '../../../sim/scenarios/index.js';
import { ExitError } from '../failure.js';
import { loadScenario, usageError } from './load-scenario.js';

export interface ReplayFlags {
  readonly scenario?: string;
  /** In milliseconds of the run, as the diagram shows them. */
  readonly from?: number;
  readonly until?: number;
  readonly node?: readonly string[];
  readonly width?: number;
  readonly last?: number;
  readonly json?: boolean;
  readonly mermaid?: boolean;
}

/** Shows a run; exit code 1 when it does not end as its file says. */
export async function replay(path: string, flags: ReplayFlags): Promise<void> {
  const file = readPlan(path);
  const scenario = await loadScenario(flags.scenario ?? file.plan.scenario);
  const story = orUsage(path, () => {
    requireSameName(file, scenario);
    return tellStory(scenario, file.plan);
  });
  const { result } = story;
  const found = compareWithExpectation(file, result);
  const options = diagramOptions(flags);
  if (flags.json === true) {
    for (const moment of selectMoments(story, options).moments) print(JSON.stringify(moment));
    const probes = [...result.probes];
    print(
      JSON.stringify({
        kind: 'result',
        ...result,
        probes,
        isAsExpected: found.length === 0,
        found,
      }),
    );
  } else if (flags.mermaid === true) {
    print(drawMermaid(story, options));
  } else {
    const { plan } = file;
    print(`${plan.scenario}, seed ${plan.seed}, settings ${JSON.stringify(plan.settings)}`);
    print(describeSchedule(plan.schedule));
    for (const { atMicroseconds, client, operation } of plan.operations) {
      const at = `${(atMicroseconds / 1_000).toFixed(3)} ms`.padStart(16);
      print(`${at}  client ${client}: ${JSON.stringify(operation)}`);
    }
    print(`\n${drawDiagram(story, options)}\n`);
    if (result.failure !== undefined) {
      print(`${result.failure.checker} failed: ${result.failure.message}`);
      if ((process.env['AGENTIC_FLOW_DEBUG'] ?? '') !== '') print(result.failure.stack ?? '');
    }
    print(`${result.events} events, trace ${result.traceHash}`);
  }
  if (found.length > 0) throw new ExitError(1, `not as ${path} expects: ${found.join('; ')}`);
  if (flags.json !== true && flags.mermaid !== true) print(`as ${path} expects: ${expected(file)}`);
}

export interface ShrinkFlags {
  readonly scenario?: string;
  readonly out?: string;
  readonly runs: number;
  readonly seconds: number;
  readonly json?: boolean;
}

/** Makes the plan in a file smaller, and writes it to `--out`, or in place of the file. */
export async function shrinkFile(path: string, flags: ShrinkFlags): Promise<void> {
  const file = readPlan(path);
  const scenario = await loadScenario(flags.scenario ?? file.plan.scenario);
  const endMs = performance.now() + flags.seconds * 1_000;
  const result = orUsage(path, () => {
    requireSameName(file, scenario);
    return shrink(scenario, file.plan, {
      runsMax: flags.runs,
      shouldStop: () => performance.now() >= endMs,
      onProgress: ({ schedule, operations }, runs) => {
        if (process.stderr.isTTY !== true) return;
        const size = `${schedule.faults.length} faults, ${operations.length} operations`;
        process.stderr.write(`\r\u001b[K${size} after ${runs} runs`);
      },
    });
  });
  if (process.stderr.isTTY === true) process.stderr.write('\r\u001b[K');
  const { plan, failure, runs, isMinimal } = result;
  const out = flags.out ?? path;
  writeFileSync(out, writePlanFile({ plan, expect: { checker: failure.checker }, mustReach: [] }));
  const faults = plan.schedule.faults.length;
  const operations = plan.operations.length;
  if (flags.json === true) {
    const { checker, message } = failure;
    print(JSON.stringify({ file: out, checker, message, runs, isMinimal, faults, operations }));
    return;
  }
  const end = isMinimal ? 'nothing more can be left out' : 'the bound ended it';
  print(`${failure.checker}: ${failure.message}`);
  print(`${faults} faults and ${operations} operations after ${runs} runs; ${end}`);
  print(`written to ${out}`);
}

/** The scenarios of the package, with their probes. */
export function list(flags: { readonly json?: boolean }): void {
  if (flags.json === true) {
    const rows = scenarios.map(({ name, summary, probes }) => ({ name, summary, probes }));
    print(JSON.stringify({ scenarios: rows }));
    return;
  }
  for (const { name, summary, probes } of scenarios) {
    print(`${name}\n  ${summary}\n  probes: ${probes.length === 0 ? 'none' : probes.join(', ')}`);
  }
}

function readPlan(path: string): PlanFile {
  let text: string;
  try {
    const { size } = statSync(path);
    // Four bytes a character at most: a larger file is refused before it is read.
    if (size > limits.planCharactersMax * 4) throw new Error(`it has ${size} bytes: too large`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError(`${path} cannot be read: ${(error as Error).message}`);
  }
  return orUsage(path, () => parsePlanFile(text));
}

function requireSameName({ plan }: PlanFile, scenario: Scenario): void {
  if (plan.scenario === scenario.name) return;
  throw usageError(
    `the plan is one of the scenario ${plan.scenario}, not of ${scenario.name}; name its module ` +
      `with --scenario`,
  );
}

/** What cannot be run is bad usage: the file is to be mended, not the system under test. */
function orUsage<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (isBadPlan(error)) throw usageError(`${path}: ${error.message}`);
    throw error;
  }
}

function diagramOptions(flags: ReplayFlags): DiagramOptions {
  const { from, until, node, width, last } = flags;
  const isNarrowed = from !== undefined || until !== undefined;
  const shown = last ?? (isNarrowed ? 0 : undefined);
  return {
    ...(from === undefined ? {} : { fromMicroseconds: from * 1_000 }),
    ...(until === undefined ? {} : { untilMicroseconds: until * 1_000 }),
    ...(node === undefined ? {} : { nodes: node }),
    ...(shown === undefined ? {} : { last: shown }),
    width: width ?? process.stdout.columns ?? 120,
  };
}

function expected({ expect, mustReach }: PlanFile): string {
  const reached = mustReach.length === 0 ? '' : `, and reaches ${mustReach.join(', ')}`;
  return expect === 'pass' ? `it passes${reached}` : `${expect.checker} fails${reached}`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
