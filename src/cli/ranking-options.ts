/** Options of searches that say how hits are ranked, whatever is searched. */
import { type Command, InvalidArgumentError, Option } from 'commander';

import type { Fusion } from '../memory/index.js';

import { numberOf } from './number.js';

/** What `withRanking` adds. */
export interface RankingFlags {
  readonly mode?: 'vector' | 'text' | 'hybrid';
  readonly fusion?: Fusion;
  readonly diversity?: number;
}

/** The part of a search that these options say. */
export function rankingOf({ mode, fusion, diversity: lambda }: RankingFlags): {
  readonly mode: RankingFlags['mode'];
  readonly fusion: Fusion | undefined;
  readonly diversity: { readonly lambda: number } | undefined;
} {
  return { mode, fusion, diversity: lambda === undefined ? undefined : { lambda } };
}

/** Reads `rank`, `rank:CONSTANT` or `weight:SHARE`. */
function fusionOf(text: string): Fusion {
  const [by, value, ...more] = text.split(':');
  if (more.length === 0 && by === 'rank') {
    return value === undefined ? { by } : { by, rankConstant: numberOf(value) };
  }
  if (more.length === 0 && by === 'weight' && value !== undefined) {
    return { by, vectorWeight: numberOf(value) };
  }
  throw new InvalidArgumentError(`'${text}' is not rank, rank:60 or weight:0.7.`);
}

/** Adds `--mode`, `--fusion` and `--diversity`. */
export function withRanking(command: Command): Command {
  return command
    .addOption(
      new Option('--mode <mode>', 'by meaning, by words, or both').choices([
        'vector',
        'text',
        'hybrid',
      ]),
    )
    .option(
      '--fusion <how>',
      'how hybrid joins its lists: rank, rank:CONSTANT, or weight:SHARE of meaning, 0 to 1',
      fusionOf,
    )
    .option(
      '--diversity <lambda>',
      '1: by score alone; towards 0: what says something else',
      numberOf,
    );
}
