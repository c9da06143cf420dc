import type { MiniLmEmbedder } from '../src/memory/index.js';
import { cosine } from '../src/memory/vector-bytes.js';
import { absentRuntimes, cpuMilliseconds, loadEmbedder, RUNTIMES } from './embeddings/runtimes.js';
import type { Bench, Measurements } from './harness.js';
import { growthSince, resident } from './vectors/resident.js';

const lengths = [10, 100];
/** Texts of a round of each kind. */
const textsUsual = 32;
const WORDS = (
  'the pool ran out of connections while a query waited for its lock and nobody released it ' +
  'before the deadline of the request so the service tried again with a longer pause'
).split(' ');

/**
 * What the process grows by when the model is loaded, in one worker for each runtime; milliseconds of
 * processor time a text of 10 and 100 words, one at a time and handed over at once; `agreement` is the
 * least cosine between the vectors of a text by this runtime and by WebAssembly, `batching` the least
 * between its vector alone and with others.
 */
export function embeddingsBench(textsPerRound = textsUsual): Bench {
  const absent = absentRuntimes();
  const present = RUNTIMES.filter((name) => absent.every(({ subject }) => subject !== name));
  const embedders = new Map<string, MiniLmEmbedder>();
  const megabytes = new Map<string, number>();
  const kinds = lengths.flatMap((words) => [`alone-${words}-words`, `together-${words}-words`]);
  const leastCosines: number[] = [];
  let texts = 0;
  /** No text twice: the embedder remembers. */
  const draw = (words: number): string[] =>
    Array.from({ length: textsPerRound }, () => {
      texts += 1;
      const drawn = Array.from(
        { length: words - 1 },
        (_, at) => WORDS[(texts + at) % WORDS.length],
      );
      return `${texts} ${drawn.join(' ')}`;
    });
  return {
    description: 'processor time of MiniLM by each runtime, alone and in batches, and agreement',
    roundsDefault: 5,
    metrics: {
      memory: 'MB',
      ...Object.fromEntries(kinds.map((kind) => [kind, 'CPU ms'])),
      agreement: '',
      batching: '',
    },
    subjects: present.map((runtime) => ({
      name: runtime,
      prepare: async () => {
        const before = resident();
        embedders.set(runtime, await loadEmbedder(runtime));
        megabytes.set(runtime, growthSince(before).all);
      },
      run: async (): Promise<Measurements> => {
        const embedder = embedders.get(runtime)!;
        const measured: Record<string, number> = { memory: megabytes.get(runtime)! };
        for (const words of lengths) {
          const alone = draw(words);
          measured[`alone-${words}-words`] = await cpuOf(async () => {
            for (const text of alone) await embedder.embed([text]);
          }, alone.length);
          const together = draw(words);
          measured[`together-${words}-words`] = await cpuOf(async () => {
            await embedder.embed(together);
          }, together.length);
        }
        const mixed = [...draw(3), ...draw(10), ...draw(40)];
        const vectors = await embedder.embed(mixed);
        if (runtime !== 'web') {
          const byWeb = await embedders.get('web')!.embed(mixed);
          measured['agreement'] = leastCosine(vectors, byWeb);
        }
        const single: Float32Array[] = [];
        // The space makes it another text for the cache, but not for the tokenizer.
        for (const text of mixed) single.push(...(await embedder.embed([`${text} `])));
        measured['batching'] = leastCosine(vectors, single);
        leastCosines.push(...['agreement', 'batching'].map((name) => measured[name] ?? 1));
        return measured;
      },
      close: async () => embedders.get(runtime)?.close(),
    })),
    ratios: kinds.map((metric) => ({ metric, subject: 'web', peer: 'node', isOptional: true })),
    absent,
    notes: () => [
      `The least cosine of two vectors of one text is ${Math.min(1, ...leastCosines).toFixed(9)}.`,
    ],
  };
}

async function cpuOf(action: () => Promise<void>, texts: number): Promise<number> {
  const startMs = cpuMilliseconds();
  await action();
  return (cpuMilliseconds() - startMs) / texts;
}

function leastCosine(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  return Math.min(...a.map((vector, at) => cosine(vector, b[at]!)));
}
