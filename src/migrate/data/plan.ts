/** What a migration would do: all of it but the embedding, in a folder that goes again. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { embeddingText, textHash } from '../../memory/command.js';
import type { Database } from '../../memory/database.js';
import { translateError } from '../../memory/errors.js';
import { Pace } from '../../memory/pace.js';
import { memoryOf } from '../../memory/v2-file.js';
import type { DataOptions, PlanReport } from './contract.js';
import { ARCHIVE_NAME, STORE_NAME } from '../files.js';
import { bytesOf, Draft } from './draft.js';
import { PLAN_SAMPLE_TEXTS } from './limits.js';
import { draftReferences, writeRows } from './migrate-data.js';
import { reportOf } from './report.js';
import { PENDING_TABLE } from './store-writer.js';

/** Bytes of a vector beside its numbers: two keys, its model, and its places in the indexes. */
const VECTOR_OVERHEAD_BYTES = 256;
const BYTES_PER_COMPONENT = 4;

/**
 * Writes rows as `migrateData` does, into a folder below `work` that is removed again, and embeds a sample.
 * Throws what `migrateData` throws.
 */
export async function planData(options: DataOptions): Promise<PlanReport> {
  const { work } = options;
  const startedMs = performance.now();
  try {
    mkdirSync(work, { recursive: true });
    const folder = mkdtempSync(join(work, 'plan-'));
    try {
      return await planIn(folder, options, startedMs);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  } catch (error) {
    throw translateError(error, work);
  }
}

async function planIn(
  folder: string,
  options: DataOptions,
  startedMs: number,
): Promise<PlanReport> {
  const { embedder } = options;
  const written = await writeRows(Draft.open(folder), { ...options, work: folder });
  const { draft, state, sources } = written;
  try {
    const { archive, store } = draft;
    await draftReferences(draft, state, sources, options);
    const rows = (performance.now() - startedMs) / 1000;
    const textsToEmbed = await distinctTexts(store, options);
    const embedRate = await sampledRate(store, options);
    for (const database of [archive.database, store]) database.checkpoint('TRUNCATE');
    const vectorBytes = embedder.dimensions * BYTES_PER_COMPONENT + VECTOR_OVERHEAD_BYTES;
    const pending = store.number(`SELECT count(*) FROM ${PENDING_TABLE}`);
    const total = (performance.now() - startedMs) / 1000;
    return {
      ...reportOf(archive.database, store, sources),
      embedded: 0,
      vectorsKept: 0,
      reused: 0,
      late: 0,
      seconds: { rows, embed: total - rows, total },
      textsToEmbed,
      storeBytes: bytesOf(join(folder, STORE_NAME)),
      archiveBytes: bytesOf(join(folder, ARCHIVE_NAME)),
      vectorBytes: pending * vectorBytes,
      embedRate,
      estimatedSeconds: rows + (embedRate > 0 ? textsToEmbed / embedRate : 0),
    };
  } finally {
    draft.close();
  }
}

/** Counted in a table of SQLite's, which may be larger than memory. */
async function distinctTexts(store: Database, { signal }: DataOptions): Promise<number> {
  const pace = new Pace(signal);
  store.exec('CREATE TEMP TABLE plan_texts (hash TEXT PRIMARY KEY) WITHOUT ROWID');
  for (const { text } of pendingTexts(store, 1)) {
    store.run('INSERT OR IGNORE INTO plan_texts VALUES (?)', textHash(text));
    if (pace.isDue) await pace.pause();
  }
  return store.number('SELECT count(*) FROM plan_texts');
}

/** Texts a second, of a sample spread over all; the model is loaded before. */
async function sampledRate(store: Database, { embedder, signal }: DataOptions): Promise<number> {
  const pending = store.number(`SELECT count(*) FROM ${PENDING_TABLE}`);
  const every = Math.max(1, Math.floor(pending / PLAN_SAMPLE_TEXTS));
  const sample = [...new Set([...pendingTexts(store, every)].map(({ text }) => text))];
  const [first, ...texts] = sample;
  if (first === undefined) return 0;
  await embedder.embed([first], 'background');
  signal?.throwIfAborted();
  const startedMs = performance.now();
  await embedder.embed(texts, 'background');
  signal?.throwIfAborted();
  const seconds = (performance.now() - startedMs) / 1000;
  return seconds > 0 ? texts.length / seconds : 0;
}

function* pendingTexts(store: Database, every: number): IterableIterator<{ text: string }> {
  const rows = store.iterate(
    `SELECT r.id, r.body, r.created_at_ms FROM ${PENDING_TABLE} p JOIN records r ON r.seq = p.seq
     WHERE p.seq % ? = 0 ORDER BY p.seq`,
    every,
  );
  for (const row of rows) {
    const { content, metadata } = memoryOf(row);
    const text = embeddingText(content, metadata);
    if (text.trim() !== '') yield { text };
  }
}
