/** `npm run sim`: runs seeds of a scenario, prints one line each, and shows a failing one whole. */
import { Command, InvalidArgumentError, Option } from 'commander';

import { runClientSessions } from './scenarios/client-sessions.js';
import type { SessionsReport } from './scenarios/client-sessions.js';
import { runRollingMigration } from './scenarios/rolling-migration.js';
import type { RunReport } from './scenarios/rolling-migration.js';
import { ScenarioFailure } from './scenarios/scenario-failure.js';

/** Runs a seed; all that a report of any scenario has is what makes runs equal. */
const SCENARIOS = {
  'rolling-migration': (seed: number): Report => runRollingMigration(seed),
  'client-sessions': (seed: number): Report => runClientSessions(seed),
} as const;

type Report = RunReport | SessionsReport;

interface Flags {
  readonly scenario: keyof typeof SCENARIOS;
  readonly seeds: number;
  readonly seed?: number;
  readonly first: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const program = new Command('sim')
  .description('Simulate a swarm under faults; each seed replays to the same events')
  .addOption(
    new Option('--scenario <name>', 'what to simulate')
      .choices(Object.keys(SCENARIOS))
      .default('rolling-migration'),
  )
  .option('--seeds <n>', 'how many seeds to run', positiveInteger, 100)
  .option('--first <n>', 'the first seed', positiveInteger, 1)
  .option('--seed <n>', 'run this seed alone, twice, and compare the traces', positiveInteger)
  .option('--quiet', 'only the summary')
  .option('--json', 'print one JSON object and nothing else')
  .action((flags: Flags) => run(flags));

program.parse();

function run(flags: Flags): void {
  const from = flags.seed ?? flags.first;
  const count = flags.seed === undefined ? flags.seeds : 1;
  const runSeed = SCENARIOS[flags.scenario];
  const reports: Report[] = [];
  const failures: { seed: number; message: string }[] = [];
  const show = flags.json !== true && flags.quiet !== true;
  for (let seed = from; seed < from + count; seed += 1) {
    try {
      const report = runSeed(seed);
      if (flags.seed !== undefined) requireSameTrace(report, runSeed(seed));
      reports.push(report);
      if (show) process.stdout.write(`${describe(report)}\n`);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      failures.push({ seed, message });
      process.stderr.write(
        `FAILED ${message}\nreplay: npm run sim -- --scenario ${flags.scenario} --seed ${seed}\n`,
      );
      if (error instanceof ScenarioFailure && process.env['AGENTIC_FLOW_DEBUG'] !== undefined) {
        process.stderr.write(`${String((error.cause as Error | undefined)?.stack)}\n`);
      }
    }
  }
  if (flags.json === true) process.stdout.write(`${JSON.stringify({ reports, failures })}\n`);
  else process.stdout.write(`${reports.length} passed, ${failures.length} failed\n`);
  if (failures.length > 0 || reports.length === 0) process.exitCode = 1;
}

function requireSameTrace(first: Report, second: Report): void {
  if (first.traceHash === second.traceHash) return;
  throw new Error(`seed ${first.seed} is not deterministic: two runs have different traces`);
}

function describe(report: Report): string {
  const { seed, nodes, faults, leaderChanges, events } = report;
  const what =
    'switches' in report
      ? `${report.switches} switches, ${report.operations} operations`
      : `${report.clockJumps} clock jumps, ${report.acknowledged} acknowledged, ` +
        `${report.unknown} unknown, ${report.lost} sessions lost`;
  return (
    `seed ${seed}: ${nodes} nodes, ${faults} faults, ${leaderChanges} leaders, ` +
    `${what}, ${events} events`
  );
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('it must be a whole number above 0');
}
