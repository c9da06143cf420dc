/** Options of searches that say how hits are ranked, whatever is searched. */
import { type Command, Option } from 'commander';

import { numberOf } from './number.js';

/** Adds `--mode` and `--diversity`. */
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
      '--diversity <lambda>',
      '1: by score alone; towards 0: what says something else',
      numberOf,
    );
}
