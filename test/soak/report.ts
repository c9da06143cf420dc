/** The result of a soak, and the text of it. */
import { cpus, loadavg } from 'node:os';

import type { EtcdRestart } from './etcd.js';
import { limits } from './limits.js';
import type { Gaps } from './measure.js';
import type { SoakOptions } from './options.js';
import type { Round } from './round.js';

/** A goal of time. Machines differ, so that it is told, and fails a run only with --strict. */
export interface Goal {
  readonly name: string;
  readonly goal: number;
  /** Null when nothing of the kind happened. */
  readonly found: number | null;
  readonly isMet: boolean;
}

/** What `--json` writes. */
export interface Report {
  readonly options: SoakOptions;
  readonly rounds: readonly Round[];
  readonly etcd: readonly EtcdRestart[];
  readonly goals: readonly Goal[];
  readonly machine: { readonly processors: number; readonly loadAverage: readonly number[] };
  /** A sentence for each promise that was not kept; empty on success. */
  readonly broken: readonly string[];
  readonly seconds: number;
}

export function buildReport(
  facts: Pick<Report, 'options' | 'rounds' | 'etcd' | 'seconds'> & {
    readonly broken: readonly string[];
  },
): Report {
  const { options, rounds } = facts;
  const goals = goalsOf(rounds);
  const broken = [
    ...rounds.flatMap(({ round, broken: sentences }) =>
      sentences.map((sentence) => `Round ${round}: ${sentence}`),
    ),
    ...facts.broken,
    ...(options.strict ? goals.filter(({ isMet }) => !isMet).map(describeGoal) : []),
  ];
  const machine = { processors: cpus().length, loadAverage: loadavg().map(rounded) };
  return { ...facts, goals, machine, broken };
}

function goalsOf(rounds: readonly Round[]): Goal[] {
  const worst = (read: (round: Round) => number): number => Math.max(0, ...rounds.map(read));
  const goal = (name: string, wanted: number, found: number | null): Goal => {
    return { name, goal: wanted, found, isMet: found === null || found <= wanted };
  };
  const had = (kind: 'kill' | 'partition', found: number): number | null =>
    rounds.some(({ faults }) => faults.some((fault) => fault.kind === kind)) ? found : null;
  const ratio = worst(({ tails }) =>
    tails.steadyP99Ms === 0 ? 0 : tails.rollingWorstSecondMs / tails.steadyP99Ms,
  );
  return [
    goal(
      'longest gap without a fault, ms',
      limits.gapCalmGoalMs,
      rounded(worst(({ gaps }) => gaps.calm)),
    ),
    goal(
      'longest gap with kill -9, ms',
      limits.gapKillGoalMs,
      had('kill', rounded(worst(({ gaps }) => gaps.kill))),
    ),
    goal('p99 of the worst second over steady p99', limits.p99FactorGoal, rounded(ratio)),
  ];
}

function describeGoal({ name, goal, found }: Goal): string {
  return `Goal: ${name}: ${found}, goal ${goal}.`;
}

/** The report as a person reads it. */
export function formatReport(report: Report): string {
  const { options, rounds, etcd, goals, machine, broken } = report;
  const { nodes, clients, thinkMs, mix, seed } = options;
  const lines = [
    `Rolling upgrades of ${nodes} nodes, ${options.kinds.join(' and ')}, forward and back; ` +
      `${clients} clients, pause ${thinkMs} ms, ${mix.gets} % gets, ${mix.texts} % of the rest with texts, ` +
      `seed ${seed}`,
    `${machine.processors} processors, load average ${machine.loadAverage.join(' ')}`,
    '',
    ...table(rounds),
    '',
    ...batchLines(rounds),
    ...goals.map((goal) => `  ${(goal.isMet ? 'met' : 'NOT MET').padEnd(9)}${describeGoal(goal)}`),
  ];
  if (etcd.length > 0) lines.push('', ...etcdLines(etcd));
  lines.push('', `${Math.round(report.seconds)} s, seed ${seed}`);
  if (broken.length === 0) lines.push('Every promise was kept.');
  else lines.push('Broken:', ...broken.map((sentence) => `- ${sentence}`));
  return lines.join('\n');
}

const COLUMNS: readonly (readonly [string, (round: Round) => string | number])[] = [
  ['round', ({ round }) => round],
  ['s', ({ seconds }) => Math.round(seconds)],
  ['requests', ({ requests }) => requests],
  ['failed', ({ failed }) => failed],
  ['writes', ({ acknowledgedWrites }) => acknowledgedWrites],
  ['lost', ({ lostWrites }) => lostWrites],
  ['linear', ({ linearizability }) => (linearizability === 'linearizable' ? 'yes' : 'NO')],
  ['kills', ({ faults }) => faults.filter(({ kind }) => kind === 'kill').length],
  ['cuts', ({ faults }) => faults.filter(({ kind }) => kind === 'partition').length],
  ['gap steady', gapOf('steady')],
  ['calm', gapOf('calm')],
  ['kill', gapOf('kill')],
  ['cut', gapOf('partition')],
  ['stall', ({ loadStallMs }) => Math.round(loadStallMs)],
  ['p99 steady', ({ tails }) => Math.round(tails.steadyP99Ms)],
  ['worst s', ({ tails }) => Math.round(tails.steadyWorstSecondMs)],
  ['rolling', ({ tails }) => Math.round(tails.rollingWorstSecondMs)],
  ['s beyond', ({ tails }) => `${tails.secondsBeyond}/${tails.seconds}`],
];

function gapOf(kind: keyof Gaps): (round: Round) => string {
  return ({ gaps }) => String(Math.round(gaps[kind]));
}

function table(rounds: readonly Round[]): string[] {
  const cells = [
    COLUMNS.map(([name]) => name),
    ...rounds.map((round) => COLUMNS.map(([, read]) => String(read(round)))),
  ];
  const widths = COLUMNS.map((_column, at) =>
    Math.max(...cells.map((row) => row[at]?.length ?? 0)),
  );
  return cells.map((row) => row.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('  '));
}

/** Time of each batch, and how many log entries it took. */
function batchLines(rounds: readonly Round[]): string[] {
  return rounds.flatMap(({ round, turns }) =>
    turns.map(({ kind, direction, status, fromMicroseconds, toMicroseconds, ...turn }) => {
      const seconds = ((toMicroseconds - fromMicroseconds) / 1e6).toFixed(1);
      const batches = turn.batches.map(
        ({ nodes, seconds: took }) => `${nodes.join('+')}: ${took.toFixed(1)}`,
      );
      const detail = batches.length === 0 ? '' : `; batches in s: ${batches.join(', ')}`;
      const transitions = turn.transitionsPerNode.toFixed(1);
      return `  round ${round} ${kind} ${direction}: ${status} in ${seconds} s, ${transitions} transitions a node${detail}`;
    }),
  );
}

function etcdLines(etcd: readonly EtcdRestart[]): string[] {
  return [
    'Three processes of etcd, restarted one by one under as many clients:',
    ...etcd.map(
      (each) =>
        `  ${each.signal.padEnd(7)} ${each.requests} requests, ${each.failed} failed, ` +
        `${each.triedAgain} tried again, longest gap ${each.longestGapMs.toFixed(0)} ms ` +
        `(steady ${each.steadyGapMs.toFixed(0)} ms)`,
    ),
  ];
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
