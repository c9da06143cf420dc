/** Whether searches in the new store find what an exact scan finds, and how long both take. */
import { embeddingText } from '../../memory/command.js';
import type { Database } from '../../memory/database.js';
import type { Embedder } from '../../memory/engine.js';
import { type MemoryStore, parseMemoryKey } from '../../memory/index.js';
import { Nearest } from '../../memory/nearest.js';
import { Pace } from '../../memory/pace.js';
import { memoryOf } from '../../memory/v2-file.js';
import { cosine, vectorOfBytes } from '../../memory/vector-bytes.js';
import { MigrationError } from '../errors.js';
import { EMBEDDED_AGAIN_COUNT, SAMPLE_HITS_COUNT, SAMPLE_QUERIES_COUNT } from '../limits.js';

export interface SearchValidation {
  readonly queries: number;
  /** Part of the exact hits that the searches found; 1 if there is nothing to search. */
  readonly recall: number;
  /** Queries, each the vector of a memory, that found this memory. */
  readonly foundThemselves: number;
  /** Medians of the same queries, embedded before: all vectors read and compared one by one, as v1 does it ... */
  readonly scanMs: number;
  /** ... and the search of v2. */
  readonly searchMs: number;
}

/** Scores this close count as level. */
const LEVEL_SCORE = 0.002;
/** Vectors of one text made in different batches are nearly equal, no more. */
const SAME_TEXT_COSINE_MIN = 0.99;

interface Sample {
  readonly key: string;
  readonly vector: Float32Array;
}

/** `database` is the store's file, read beside it. Throws `differs`, `embedder` and the reason of the signal. */
export async function validateSearches(
  store: MemoryStore,
  database: Database,
  embedder: Embedder,
  signal?: AbortSignal,
): Promise<SearchValidation> {
  const samples = sampleQueries(database);
  await requireVectorsOfTexts(samples, database, embedder);
  if (samples.length === 0) {
    return { queries: 0, recall: 1, foundThemselves: 0, scanMs: 0, searchMs: 0 };
  }
  const pace = new Pace(signal);
  const scanMs: number[] = [];
  const searchMs: number[] = [];
  let expected = 0;
  let found = 0;
  let foundThemselves = 0;
  for (const { key, vector } of samples) {
    const scanStarted = performance.now();
    const nearest = scan(database, vector);
    scanMs.push(performance.now() - scanStarted);
    await pace.pause();
    const searchStarted = performance.now();
    const hits = await store.search({
      vector: { model: embedder.model, values: vector },
      mode: 'vector',
      namespace: null,
      limit: SAMPLE_HITS_COUNT,
    });
    searchMs.push(performance.now() - searchStarted);
    const floor = (nearest.at(-1)?.score ?? 0) - LEVEL_SCORE;
    expected += nearest.length;
    found += Math.min(nearest.length, hits.filter(({ score }) => score >= floor).length);
    const own = parseMemoryKey(key);
    const best = hits[0]?.score ?? 0;
    const itself = hits.find(({ id, namespace }) => id === own?.id && namespace === own?.namespace);
    // Equal texts share their score, so any of them may stand in.
    if (itself !== undefined || best >= 1 - LEVEL_SCORE) foundThemselves += 1;
  }
  return {
    queries: samples.length,
    recall: found / expected,
    foundThemselves,
    // The first search of a store reads its index; later ones do not.
    scanMs: median(scanMs.slice(1)),
    searchMs: median(searchMs.slice(1)),
  };
}

/** Vectors spread evenly over the file. */
function sampleQueries(database: Database): Sample[] {
  const last = database.number('SELECT max(rowid) FROM vectors');
  const samples = new Map<string, Sample>();
  for (let i = 0; i < SAMPLE_QUERIES_COUNT; i += 1) {
    const from = Math.floor((last * i) / SAMPLE_QUERIES_COUNT);
    const sql = 'SELECT id, vector FROM vectors WHERE rowid > ? ORDER BY rowid LIMIT 1';
    const [id, bytes] = database.get(sql, from) ?? [];
    if (!(bytes instanceof Uint8Array)) continue;
    samples.set(String(id), { key: String(id), vector: vectorOfBytes(bytes) });
  }
  return [...samples.values()];
}

/** Some of the samples embedded anew: a vector must be that of its text. Throws `differs`. */
async function requireVectorsOfTexts(
  samples: readonly Sample[],
  database: Database,
  embedder: Embedder,
): Promise<void> {
  const step = Math.ceil(samples.length / EMBEDDED_AGAIN_COUNT);
  const some = samples.filter((_, i) => i % step === 0);
  const texts = some.map(({ key }) => {
    const row = database.get('SELECT id, body, created_at_ms FROM records WHERE id = ?', key) ?? [];
    const { content, metadata } = memoryOf(row);
    return embeddingText(content, metadata);
  });
  const vectors = await embedder.embed(texts, 'background');
  for (const [i, { key, vector }] of some.entries()) {
    if (cosine(vector, vectors[i] ?? []) >= SAME_TEXT_COSINE_MIN) continue;
    throw new MigrationError(
      'differs',
      `the vector of ${JSON.stringify(key)} is not that of its text; this is a bug of the migration, report it`,
    );
  }
}

/** What v1 does for a search: reads every vector and compares it. */
function scan(database: Database, query: Float32Array): readonly { readonly score: number }[] {
  const nearest = new Nearest(SAMPLE_HITS_COUNT);
  for (const [id, bytes] of database.iterate('SELECT id, vector FROM vectors')) {
    if (!(bytes instanceof Uint8Array)) continue;
    const score = cosine(query, vectorOfBytes(bytes));
    if (score > nearest.floor) nearest.offer({ id: String(id), score });
  }
  return nearest.list();
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
