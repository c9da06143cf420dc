import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createMiniLmEmbedder,
  MODEL_DIMENSIONS,
  MODEL_NAME,
  openV1Engine,
  openV2Engine,
  type Embedder,
  type LoggedCommand,
  type MemoryEngine,
  type ModelVector,
} from '../src/memory/index.js';
import { SCANNED_VECTORS_MAX } from '../src/memory/limits.js';
import { V2Engine } from '../src/memory/v2-engine.js';
import { RandomStream } from '../sim/world/random.js';
import { type Bench, type Measurements, quantile } from './harness.js';

/** How much work a round is. */
export interface MemoryEnginesBenchSize {
  /** Memories in each store before the first round; a search compares all of their vectors. */
  readonly memories: number;
  readonly batches: number;
  readonly searches: number;
  /** Texts of each length that are embedded. */
  readonly texts: number;
}

const usual: MemoryEnginesBenchSize = { memories: 10_000, batches: 200, searches: 50, texts: 20 };
const batchCommands = 16;
const preparedPerBatch = 500;
const contentWords = 40;
const hitsPerSearch = 10;

/**
 * The engines, each on a store of its own in the temporary folder, and the embedder. `batches`:
 * transactions of 16 inserts that carry their vectors, not synced one by one, as the node applies
 * them. `searches`: the ten nearest of all vectors, without the embedding of the query, all of them linked.
 * `turn`: how long a turn of the event loop takes while the vectors of those batches are linked.
 */
export function memoryEnginesBench(
  size: MemoryEnginesBenchSize = usual,
  makeEmbedder: () => Embedder = createMiniLmEmbedder,
): Bench {
  return {
    description:
      'batches of 16 inserts and searches over 10,000 vectors on both engines, and ' +
      'milliseconds to embed 10 and 100 words',
    roundsDefault: 5,
    metrics: {
      batches: '1/s',
      searches: '1/s',
      'turn-p99': 'ms',
      'turn-max': 'ms',
      'embed-10-words': 'ms',
      'embed-100-words': 'ms',
    },
    subjects: [
      engineSubject('v1', (path) => openV1Engine(path, { create: true }), size),
      engineSubject('v2', (path) => openV2Engine(path, { create: true }), size),
      embedderSubject(makeEmbedder, size.texts),
    ],
    ratios: [
      { metric: 'batches', subject: 'v2', peer: 'v1' },
      { metric: 'searches', subject: 'v2', peer: 'v1' },
    ],
  };
}

function engineSubject(
  name: string,
  open: (path: string) => MemoryEngine,
  size: MemoryEnginesBenchSize,
): Bench['subjects'][number] {
  let folder = '';
  let searched: MeasuredStore | undefined;
  // One that grows with each round, so that the searched one keeps its size.
  let written: MeasuredStore | undefined;
  return {
    name,
    prepare: async () => {
      folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
      searched = new MeasuredStore(open(join(folder, 'searched.db')));
      searched.fill(size.memories);
      await searched.turnsWhileLinking();
      written = new MeasuredStore(open(join(folder, 'written.db')));
      written.fill(1);
    },
    run: async (): Promise<Measurements> => {
      if (searched === undefined || written === undefined) throw new Error('prepare comes first');
      const searches = searched.search(size.searches);
      const batches = written.apply(size.batches);
      const turns = await written.turnsWhileLinking();
      if (turns === undefined) return { searches, batches };
      return {
        searches,
        batches,
        'turn-p99': quantile(turns, 0.99),
        'turn-max': quantile(turns, 1),
      };
    },
    close: () => {
      searched?.close();
      written?.close();
      if (folder !== '') rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A store, and the commands that it has not had yet. */
class MeasuredStore {
  readonly #engine: MemoryEngine;
  readonly #random = new RandomStream(1, 'bench-memory');
  #memories = 0;

  constructor(engine: MemoryEngine) {
    this.#engine = engine;
  }

  fill(memories: number): void {
    while (this.#memories < memories) {
      this.#apply(this.#inserts(Math.min(preparedPerBatch, memories - this.#memories)));
    }
    // The first search builds the index in memory; from then on each insert keeps it up to date.
    this.#searchOnce();
  }

  /** Batches a second, each one transaction. */
  apply(batches: number): number {
    const prepared = Array.from({ length: batches }, () => this.#inserts(batchCommands));
    const startedMs = performance.now();
    for (const commands of prepared) this.#apply(commands);
    return perSecond(batches, startedMs);
  }

  /** Waits until a graph has every vector. Milliseconds of each turn; undefined without a graph. */
  async turnsWhileLinking(): Promise<number[] | undefined> {
    const engine = this.#engine;
    if (!(engine instanceof V2Engine)) return undefined;
    const turns: number[] = [];
    let beforeMs = performance.now();
    while ((engine.vectorCounts()?.scanned ?? 0) > 0 && this.#memories > SCANNED_VECTORS_MAX) {
      await new Promise((resolve) => setImmediate(resolve));
      const nowMs = performance.now();
      turns.push(nowMs - beforeMs);
      beforeMs = nowMs;
    }
    return turns.length === 0 ? undefined : turns;
  }

  search(searches: number): number {
    const startedMs = performance.now();
    for (let count = 0; count < searches; count += 1) this.#searchOnce();
    return perSecond(searches, startedMs);
  }

  close(): void {
    this.#engine.close();
  }

  #apply(commands: readonly LoggedCommand[]): void {
    const outcomes = this.#engine.apply(commands, commands.at(-1)?.index ?? 0);
    const refused = outcomes.find((outcome) => outcome !== 'ok');
    if (refused !== undefined) throw new Error(`a command was refused: ${refused}`);
  }

  #searchOnce(): void {
    const query = { text: '', vector: randomVector(this.#random), limit: hitsPerSearch };
    const hits = this.#engine.search(query);
    const wanted = Math.min(hitsPerSearch, this.#memories);
    if (hits.length !== wanted) throw new Error(`a search found ${hits.length} of ${wanted}`);
  }

  #inserts(count: number): LoggedCommand[] {
    return Array.from({ length: count }, () => {
      this.#memories += 1;
      const index = this.#memories;
      return {
        index,
        command: {
          type: 'insertMemory',
          id: `memory-${index}`,
          content: randomText(this.#random, contentWords),
          metadata: { index },
          vector: randomVector(this.#random),
          timestampMs: 1_760_000_000_000 + index,
        },
      };
    });
  }
}

function embedderSubject(makeEmbedder: () => Embedder, texts: number): Bench['subjects'][number] {
  const random = new RandomStream(1, 'bench-embedder');
  let embedder: Embedder | undefined;
  const measure = async (words: number): Promise<number> => {
    const startedMs = performance.now();
    // Each text is new: the embedder remembers those that it had.
    for (let count = 0; count < texts; count += 1) {
      await embedder?.embed([randomText(random, words)]);
    }
    return (performance.now() - startedMs) / texts;
  };
  return {
    name: MODEL_NAME,
    prepare: async () => {
      embedder = makeEmbedder();
      await embedder.embed(['the first text loads the model']);
    },
    run: async (): Promise<Measurements> => {
      return { 'embed-10-words': await measure(10), 'embed-100-words': await measure(100) };
    },
    close: async () => {
      await embedder?.close();
    },
  };
}

/** Words that the tokenizer knows whole, so that a word is about one token. */
const words = (
  'time year people way day man thing woman life child world school state family student group ' +
  'country problem hand part place case week company system program question work government ' +
  'number night point home water room mother area money story fact month lot right study book'
).split(' ');

function randomText(random: RandomStream, count: number): string {
  return Array.from({ length: count }, () => random.pick(words)).join(' ');
}

function randomVector(random: RandomStream): ModelVector {
  const values = Float32Array.from({ length: MODEL_DIMENSIONS }, () => random.fraction() - 0.5);
  return { model: MODEL_NAME, values };
}

function perSecond(count: number, startedMs: number): number {
  return count / ((performance.now() - startedMs) / 1000);
}
