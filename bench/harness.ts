import { arch, cpus, loadavg, platform, totalmem } from 'node:os';

/** What one round of one subject measured, by metric. */
export type Measurements = Readonly<Record<string, number>>;

/** One of the things compared. */
interface Subject {
  readonly name: string;
  /** Once before the rounds; its time is not measured. */
  prepare?(): void | Promise<void>;
  /** One round: every metric of the bench, or those that this subject has. `say`: how far it is. */
  run(say: (sentence: string) => void): Measurements | Promise<Measurements>;
  /** Once after the rounds, also when one failed. */
  close?(): void | Promise<void>;
}

/** A comparison of subjects, in rounds that take turns. */
export interface Bench {
  readonly description: string;
  readonly roundsDefault: number;
  /** Unit of each metric, for example `{ 'calls': '1/s' }`. */
  readonly metrics: Readonly<Record<string, string>>;
  readonly subjects: readonly Subject[];
  /** Which medians to divide: subject by peer. */
  readonly ratios: readonly WantedRatio[];
  /** What medians are to be by themselves. */
  readonly goals?: readonly WantedGoal[];
  /** Subjects that cannot be measured here, each with what to do: never a number. */
  readonly absent?: readonly { readonly subject: string; readonly reason: string }[];
  /** What else a reader has to know of this run, one sentence each. */
  notes?(): readonly string[];
}

interface WantedRatio {
  readonly metric: string;
  readonly subject: string;
  readonly peer: string;
  /** The least ratio that is wanted. Printed beside the measured one; missing it fails nothing. */
  readonly goal?: number;
  /** The most that is wanted, where less is better. One of the two. */
  readonly goalMost?: number;
  /** Left out, and not a failure, when one of the two has not measured the metric. */
  readonly isOptional?: boolean;
}

/** The bound of a median, in the unit of its metric. Missing it fails nothing. */
interface WantedGoal {
  readonly metric: string;
  readonly subject: string;
  readonly bound: 'at most' | 'at least';
  readonly value: number;
}

/** Where a result comes from. */
interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryMegabytes: number;
  readonly platform: string;
  readonly node: string;
  /** Load of the last minute when the bench began: a busy machine measures its other work. */
  readonly loadAverage: number;
  /** The same when it ended; the bench itself is in it. */
  readonly loadAverageAtEnd: number;
}

/** Median, least and most of one metric of one subject over all rounds. */
interface Row {
  readonly metric: string;
  readonly unit: string;
  readonly subject: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** What each round measured, in their order. */
  readonly rounds: readonly number[];
}

/** Median of the subject divided by the median of the peer. */
interface Ratio {
  readonly metric: string;
  readonly subject: string;
  readonly peer: string;
  readonly ratio: number;
  readonly goal?: number;
  readonly goalMost?: number;
  readonly isGoalMet?: boolean;
}

/** A goal, and whether the median that was measured meets it. */
interface Goal extends WantedGoal {
  readonly unit: string;
  readonly median: number;
  readonly isGoalMet: boolean;
}

/** The result of a bench. */
export interface BenchResult {
  readonly machine: Machine;
  readonly rows: readonly Row[];
  readonly ratios: readonly Ratio[];
  readonly goals: readonly Goal[];
  readonly absent: readonly { readonly subject: string; readonly reason: string }[];
  readonly notes: readonly string[];
}

/** Describes the machine that runs this process. */
function describeMachine(loadAverage: number): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryMegabytes: Math.round(totalmem() / 1024 / 1024),
    platform: `${platform()} ${arch()}`,
    node: process.version,
    loadAverage,
    loadAverageAtEnd: loadavg()[0] ?? 0,
  };
}

/**
 * Runs all subjects once a round. Each round begins with another subject, so that neither a slow
 * change of the machine nor the place in the round favours one.
 */
export async function runBench(
  bench: Bench,
  rounds: number,
  onRound: (round: number, subject: string) => void = () => {},
  say: (sentence: string) => void = () => {},
): Promise<BenchResult> {
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new RangeError(`${rounds} rounds cannot be run; give a whole number of at least 1`);
  }
  const loadAverage = loadavg()[0] ?? 0;
  const measured = new Map<string, number[]>();
  const prepared: Subject[] = [];
  try {
    for (const subject of bench.subjects) {
      prepared.push(subject);
      await subject.prepare?.();
    }
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < bench.subjects.length; turn++) {
        const subject = bench.subjects[(round + turn) % bench.subjects.length]!;
        onRound(round, subject.name);
        keep(measured, bench, subject.name, await subject.run(say));
      }
    }
  } finally {
    for (const subject of prepared.reverse()) await subject.close?.();
  }
  const rows = summarize(bench, measured);
  return {
    machine: describeMachine(loadAverage),
    rows,
    ratios: bench.ratios.flatMap((ratio) => divide(rows, ratio)),
    goals: (bench.goals ?? []).map((goal) => judge(rows, goal)),
    absent: bench.absent ?? [],
    notes: bench.notes?.() ?? [],
  };
}

/** The middle of the numbers; of an even count the mean of the two in the middle. */
export function median(numbers: readonly number[]): number {
  if (numbers.length === 0) throw new RangeError('no numbers have no median');
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle]!;
  return sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
}

/** The number that this share of all, from 0 to 1, lies below. */
export function quantile(numbers: readonly number[], share: number): number {
  if (numbers.length === 0) throw new RangeError('no numbers have no quantile');
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

function keep(
  measured: Map<string, number[]>,
  bench: Bench,
  subject: string,
  measurements: Measurements,
): void {
  for (const [metric, value] of Object.entries(measurements)) {
    if (bench.metrics[metric] === undefined || !Number.isFinite(value)) {
      throw new RangeError(`${subject} measured ${metric} = ${value}, which the bench cannot use`);
    }
    const name = rowName(metric, subject);
    const numbers = measured.get(name);
    if (numbers === undefined) measured.set(name, [value]);
    else numbers.push(value);
  }
}

function rowName(metric: string, subject: string): string {
  return `${metric}\n${subject}`;
}

function summarize(bench: Bench, measured: ReadonlyMap<string, readonly number[]>): Row[] {
  return Object.entries(bench.metrics).flatMap(([metric, unit]) =>
    bench.subjects.flatMap(({ name: subject }): Row[] => {
      const numbers = measured.get(rowName(metric, subject));
      if (numbers === undefined) return [];
      const min = Math.min(...numbers);
      const max = Math.max(...numbers);
      return [{ metric, unit, subject, median: median(numbers), min, max, rounds: numbers }];
    }),
  );
}

function rowOf(rows: readonly Row[], metric: string, subject: string): Row | undefined {
  return rows.find((row) => row.metric === metric && row.subject === subject);
}

function divide(rows: readonly Row[], wanted: WantedRatio): Ratio[] {
  const { metric, subject, peer, goal, goalMost, isOptional } = wanted;
  const medians: number[] = [];
  for (const name of [subject, peer]) {
    const row = rowOf(rows, metric, name);
    if (row !== undefined) medians.push(row.median);
    else if (isOptional !== true) {
      throw new RangeError(`${name} measured no ${metric} to be compared`);
    }
  }
  const [own, other] = medians;
  if (own === undefined || other === undefined) return [];
  const ratio = own / other;
  return [
    {
      metric,
      subject,
      peer,
      ratio,
      ...(goal === undefined ? {} : { goal, isGoalMet: ratio >= goal }),
      ...(goalMost === undefined ? {} : { goalMost, isGoalMet: ratio <= goalMost }),
    },
  ];
}

function judge(rows: readonly Row[], wanted: WantedGoal): Goal {
  const { metric, subject, bound, value } = wanted;
  const row = rowOf(rows, metric, subject);
  if (row === undefined) throw new RangeError(`${subject} measured no ${metric}, which has a goal`);
  const { median, unit } = row;
  return {
    ...wanted,
    unit,
    median,
    isGoalMet: bound === 'at most' ? median <= value : median >= value,
  };
}

/** The result as a table for a reader. */
export function formatResult(result: BenchResult): string {
  const { machine, rows, ratios, goals, absent, notes } = result;
  const cells = rows.map((row) => [
    row.metric,
    row.subject,
    `${formatNumber(row.median)} ${row.unit}`,
    `${formatNumber(row.min)} to ${formatNumber(row.max)}`,
  ]);
  const table = [['metric', 'subject', 'median', 'range'], ...cells];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  const memory = `${machine.memoryMegabytes} MB`;
  return [
    `${machine.processor}, ${machine.cores} cores, ${memory}, ${machine.platform}, node ` +
      `${machine.node}, load ${machine.loadAverage.toFixed(2)} at the start and ` +
      `${machine.loadAverageAtEnd.toFixed(2)} at the end`,
    ...lines,
    ...ratios.map(({ metric, subject, peer, ratio, goal, goalMost, isGoalMet }) => {
      const wanted = goalMost === undefined ? goal : `at most ${goalMost}`;
      const judgement =
        wanted === undefined ? '' : `; the goal is ${wanted}: ${verdict(isGoalMet === true)}`;
      return `${metric}: ${subject} is ${ratio.toFixed(3)} times ${peer}${judgement}`;
    }),
    ...goals.map(
      ({ metric, subject, bound, value, unit, isGoalMet }) =>
        `${metric} of ${subject}: the goal is ${bound} ${formatNumber(value)} ${unit}: ` +
        verdict(isGoalMet),
    ),
    ...absent.map(({ subject, reason }) => `${subject} is not measured: ${reason}`),
    ...notes,
  ].join('\n');
}

function verdict(isGoalMet: boolean): string {
  return isGoalMet ? 'met' : 'not met';
}

function formatNumber(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : 3;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}
