/** The flags of `sim run`, checked. */
import { availableParallelism } from 'node:os';

import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import { limits } from '../../../sim/explore/limits.js';
import { usageError } from './load-scenario.js';

export interface RunFlags {
  readonly scenario: string;
  /** So many from the first one on, or a range. */
  readonly seeds?: number | SeedEnds;
  readonly seed?: number;
  readonly first?: number;
  readonly minutes?: number;
  readonly workers: number;
  readonly failures: number;
  readonly verifyEvery: number;
  readonly eventsMax: number;
  readonly runSeconds: number;
  readonly shrink: boolean;
  readonly shrinkRuns: number;
  readonly shrinkSeconds: number;
  readonly out: string;
  readonly each?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

interface SeedEnds {
  readonly from: number;
  readonly to: number;
}

export interface SeedRange {
  readonly firstSeed: number;
  /** Infinity when time alone ends the campaign. */
  readonly lastSeed: number;
  readonly verifyEvery: number;
}

const SEEDS_USUAL = 100;

export function withRunFlags(command: Command): Command {
  return command
    .option('--scenario <name>', "one of `sim list`, 'all', or ./a-module.js", 'rolling-migration')
    .option('--seeds <range>', 'A..B, or how many from --first on (default: 100)', seedRange)
    .option('--seed <n>', 'this seed alone, twice, compared', seedNumber)
    .option(
      '--first <n>',
      'the first seed (default: 1; with --minutes one that nobody chose)',
      seedNumber,
    )
    .option('--minutes <m>', 'go on for so long', positive)
    .option('--workers <n>', 'threads', positiveInteger, availableParallelism())
    .option(
      '--failures <n>',
      'end after so many failing seeds',
      positiveInteger,
      limits.failuresMax,
    )
    .option('--out <dir>', 'where plans of failing seeds are written', 'sim-failures')
    .option('--no-shrink', 'write plans as they were drawn')
    .option(
      '--shrink-runs <n>',
      'runs to shrink one plan, at most',
      positiveInteger,
      limits.shrinkRunsMax,
    )
    .option('--shrink-seconds <s>', 'time to shrink one plan, at most', positive, 60)
    .option(
      '--verify-every <n>',
      'run one of so many seeds twice; 0 for none',
      wholeNumber,
      limits.verifyEverySeeds,
    )
    .option(
      '--events-max <n>',
      'give a run up after so many events',
      positiveInteger,
      limits.eventsPerRunMax,
    )
    .option('--run-seconds <s>', 'give a run up after so long', positive, 120)
    .option('--each', 'print a line for each seed')
    .option('--quiet', 'no progress')
    .option('--json', 'print one JSON object and nothing else');
}

/** The seeds to run. `freshSeed` begins a campaign of which only the time is given. */
export function seedsOf(flags: RunFlags, freshSeed: number): SeedRange {
  const { seeds, seed, first, minutes, verifyEvery } = flags;
  if (seed !== undefined) {
    if (seeds !== undefined || first !== undefined || minutes !== undefined) {
      throw usageError('--seed is one seed; it does not go with --seeds, --first or --minutes');
    }
    return { firstSeed: seed, lastSeed: seed, verifyEvery: 1 };
  }
  if (typeof seeds === 'object') {
    if (first !== undefined) throw usageError('--seeds A..B names the first seed already');
    return { firstSeed: seeds.from, lastSeed: seeds.to, verifyEvery };
  }
  const firstSeed = first ?? (minutes === undefined ? 1 : freshSeed);
  if (seeds === undefined && minutes !== undefined) {
    return { firstSeed, lastSeed: Number.POSITIVE_INFINITY, verifyEvery };
  }
  const lastSeed = firstSeed + (seeds ?? SEEDS_USUAL) - 1;
  if (lastSeed > limits.seedMax) throw usageError(`the last seed would be ${lastSeed}: too large`);
  return { firstSeed, lastSeed, verifyEvery };
}

function seedRange(text: string): number | SeedEnds {
  const ends = /^(\d+)\.\.(\d+)$/.exec(text);
  if (ends === null) return positiveInteger(text);
  const [from, to] = [seedNumber(ends[1]!), seedNumber(ends[2]!)];
  if (from > to) throw new InvalidArgumentError('A..B has the lower seed first');
  return { from, to };
}

function seedNumber(text: string): number {
  return wholeNumber(text);
}

function wholeNumber(text: string): number {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new InvalidArgumentError('it must be a whole number from 0');
}

export function positiveInteger(text: string): number {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text)) && Number(text) > 0) {
    return Number(text);
  }
  throw new InvalidArgumentError('it must be a whole number above 0');
}

/** A number above 0 and, so that it is a time that a timer can wait, at most 20,000. */
export function positive(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value > 0 && value <= 20_000) return value;
  throw new InvalidArgumentError('it must be a number above 0, at most 20000');
}
