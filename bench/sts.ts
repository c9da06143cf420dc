import { readFileSync } from 'node:fs';
import { embedAll, type MiniLmEmbedder } from '../src/memory/index.js';
import { absentRuntimes, cpuMilliseconds, loadEmbedder, RUNTIMES } from './embeddings/runtimes.js';
import { spearman } from './embeddings/spearman.js';
import type { Bench } from './harness.js';

const goal = 0.81;
/** Columns of a line: genre, file, year, number, score from 0 to 5, and two sentences. */
const SCORE = 4;
const FIRST = 5;
const SECOND = 6;

interface Pair {
  readonly score: number;
  readonly first: string;
  readonly second: string;
}

/**
 * The test set of the STS Benchmark (Cer et al. 2017): how well the cosine of two sentences orders
 * 1,379 pairs as people do, by Spearman's rank correlation. No npm package has the set, so its file is
 * the user's to get: `sts-test.csv`, tabs between the columns.
 */
export function stsBench(path?: string): Bench {
  const reason = 'give --file with the sts-test.csv of the STS Benchmark; no npm package has it';
  const absent =
    path === undefined ? RUNTIMES.map((subject) => ({ subject, reason })) : absentRuntimes();
  const present = RUNTIMES.filter((name) => absent.every(({ subject }) => subject !== name));
  const measured = new Map<string, number>();
  let pairs: readonly Pair[] = [];
  return {
    description: "Spearman's rank correlation of MiniLM with the STS Benchmark (--file)",
    roundsDefault: 1,
    metrics: { spearman: '', texts: 'a CPU second' },
    subjects: present.map((runtime) => {
      let embedder: MiniLmEmbedder | undefined;
      return {
        name: runtime,
        prepare: async () => {
          pairs = readPairs(path ?? '');
          embedder = await loadEmbedder(runtime);
        },
        run: async () => {
          const texts = pairs.flatMap(({ first, second }) => [first, second]);
          const startMs = cpuMilliseconds();
          const vectors = await embedAll(embedder!, texts);
          const seconds = (cpuMilliseconds() - startMs) / 1000;
          const cosines = pairs.map((_, at) => dot(vectors[2 * at]!, vectors[2 * at + 1]!));
          const scores = pairs.map(({ score }) => score);
          measured.set(runtime, spearman(cosines, scores));
          return { spearman: spearman(cosines, scores), texts: texts.length / seconds };
        },
        close: async () => embedder?.close(),
      };
    }),
    ratios: [{ metric: 'texts', subject: 'node', peer: 'web', isOptional: true }],
    absent,
    notes: () => [
      ...(pairs.length > 0 ? [`${pairs.length} pairs.`] : []),
      ...[...measured].map(([runtime, value]) => {
        const judgement = value >= goal ? 'met' : 'not met';
        return `spearman of ${runtime} is ${value.toFixed(4)}; the goal is ${goal}: ${judgement}`;
      }),
    ],
  };
}

/** Throws an error that names the line which is none of the set. */
export function readPairs(path: string): Pair[] {
  const lines = readFileSync(path, 'utf8').split(/\r?\n/);
  return lines.flatMap((line, at) => {
    if (line === '') return [];
    const columns = line.split('\t');
    const [score, first, second] = [columns[SCORE], columns[FIRST], columns[SECOND]];
    const value = Number(score);
    if (first === undefined || second === undefined || !(value >= 0 && value <= 5)) {
      throw new Error(
        `line ${at + 1} of ${path} is no pair of the STS Benchmark: seven columns with tabs between ` +
          `them, the fifth a score from 0 to 5`,
      );
    }
    return [{ score: value, first, second }];
  });
}

/** Of vectors of length 1. */
function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, at) => sum + value * b[at]!, 0);
}
