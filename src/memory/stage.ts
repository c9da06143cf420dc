/** Builds a v2 store beside a v1 store that goes on serving. */
import { renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

import { embeddingText, textHash } from './command.js';
import { type Database, syncFileElsewhere } from './database.js';
import type { Embedder, EngineDump, MemoryCounts, MemoryEngine } from './engine.js';
import { assert, translateError } from './errors.js';
import { STAGE_EMBEDDINGS_PER_ROUND } from './limits.js';
import { LogPosition } from './log-position.js';
import { MadeVectors } from './made-vectors.js';
import { Pace } from './pace.js';
import { countV2, memoryOf, openV2File } from './v2-file.js';
import { V2Writer } from './v2-writer.js';
import { vectorOfBytes } from './vector-bytes.js';

/** How far the staging is: rows copied, then memories that have their vector. */
export interface StageProgress {
  readonly phase: 'copy' | 'embed';
  readonly done: number;
  readonly total: number;
}

export interface StageOptions {
  /** The engine that serves; only its `dump` and `counts` are used. */
  readonly source: MemoryEngine;
  /** Where the finished store is to lie. Nothing may be there. */
  readonly path: string;
  readonly embedder: Embedder;
  /** Asks peers for vectors by the SHA-256 of the text, in hexadecimal; may fail. */
  readonly fetchVectors?: (textHashes: string[]) => Promise<readonly (Float32Array | undefined)[]>;
  /** A file of vectors made before, which takes those that are made now as well; removed at the end. */
  readonly madeVectors?: string;
  readonly onProgress?: (progress: StageProgress) => void;
  readonly signal?: AbortSignal;
}

export interface StageResult {
  /** The store holds everything up to this index; the log goes on from the next. */
  readonly appliedIndex: number;
  readonly counts: MemoryCounts;
  /** Memories embedded here, by this call. */
  readonly embedded: number;
  /** Memories whose vector a peer had. */
  readonly fetched: number;
}

/**
 * Stages the source at its present index. The file is built as `path.staging` and takes its name when
 * all of it is on the disk, so a crash leaves nothing that could be taken for a store. Throws what
 * the stores throw, the reason of the signal, and `embedder`; nothing is left behind then.
 */
export async function stageV2(options: StageOptions): Promise<StageResult> {
  const { path, source, signal } = options;
  const staging = `${path}.staging`;
  const pace = new Pace(signal);
  signal?.throwIfAborted();
  removeStore(staging);
  const { madeVectors, embedder } = options;
  const made = madeVectors === undefined ? undefined : new MadeVectors(madeVectors, embedder.model);
  let database: Database | undefined;
  try {
    database = openV2File(staging, { create: true });
    // A crash throws the file away, so nothing needs the disk before the end.
    database.exec('PRAGMA synchronous = OFF');
    const appliedIndex = await copyRows(database, source, pace, options);
    const { embedded, fetched } = await addVectors(database, pace, options, made);
    const counts = countV2(database);
    database.useSingleFile();
    database.close();
    database = undefined;
    await syncFileElsewhere(staging);
    signal?.throwIfAborted();
    renameSync(staging, path);
    await syncFileElsewhere(dirname(path));
    made?.remove();
    return { appliedIndex, counts, embedded, fetched };
  } catch (error) {
    database?.close();
    made?.close();
    removeStore(staging);
    throw translateError(error, staging);
  }
}

/** Removes a store and what SQLite keeps beside it. It must not be open. */
function removeStore(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
}

async function copyRows(
  database: Database,
  source: MemoryEngine,
  pace: Pace,
  { onProgress, embedder }: StageOptions,
): Promise<number> {
  const dump = source.dump();
  try {
    await copyDump(database, dump, pace, {
      model: embedder.model,
      total: totalRows(source.counts()),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    new LogPosition(database).setAppliedIndex(dump.appliedIndex);
    return dump.appliedIndex;
  } finally {
    dump.close();
  }
}

interface CopyOptions {
  /** Vectors of other models are left behind. */
  readonly model: string;
  readonly total: number;
  readonly onProgress?: StageOptions['onProgress'];
}

/** Writes the records of a dump into a v2 file, in pieces. */
async function copyDump(
  database: Database,
  dump: EngineDump,
  pace: Pace,
  { model, total, onProgress }: CopyOptions,
): Promise<void> {
  const writer = new V2Writer(database);
  const records = dump.records();
  let done = 0;
  /** True if there may be more. */
  const copyPiece = (): boolean => {
    while (!pace.isDue) {
      const next = records.next();
      if (next.done === true) return false;
      const { table, row, vector } = next.value;
      writer.addRecord(vector?.model === model ? { table, row, vector } : { table, row });
      done += 1;
    }
    return true;
  };
  while (database.transaction(copyPiece)) {
    onProgress?.({ phase: 'copy', done: Math.min(done, total), total });
    await pace.pause();
  }
  onProgress?.({ phase: 'copy', done: total, total });
  await pace.pause();
}

/** Every row of a dump but the few of bookkeeping; embeddings are a row each. */
function totalRows(counts: MemoryCounts): number {
  const { memories, links, trajectories, entries, otherRows, quarantined } = counts;
  return 2 * memories + links + trajectories + entries + otherRows + quarantined;
}

interface Missing {
  readonly id: string;
  readonly text: string;
  readonly hash: string;
}

async function addVectors(
  database: Database,
  pace: Pace,
  { embedder, fetchVectors, onProgress, signal }: StageOptions,
  earlier: MadeVectors | undefined,
): Promise<{ embedded: number; fetched: number }> {
  const total = database.number(`SELECT count(*) FROM records`);
  let fetched = 0;
  let embedded = 0;
  for (let after = 0; ;) {
    const round = missingVectors(database, after);
    const { missing } = round;
    after = round.last;
    if (missing.length === 0) break;
    const hashes = [...new Set(missing.map(({ hash }) => hash))];
    const known = new Map(
      hashes.map((hash) => [
        hash,
        storedVector(database, hash, embedder.model) ?? usable(earlier?.get(hash), embedder),
      ]),
    );
    const unknown = hashes.filter((hash) => known.get(hash) === undefined);
    const told = await fetchQuietly(fetchVectors, unknown);
    for (const [i, hash] of unknown.entries()) {
      known.set(hash, usable(told[i], embedder));
    }
    const asked = unknown.filter((hash) => known.get(hash) === undefined);
    const texts = new Map(missing.map(({ hash, text }) => [hash, text]));
    const made = await embedder.embed(
      asked.map((hash) => texts.get(hash) ?? ''),
      'background',
    );
    for (const [i, hash] of asked.entries()) known.set(hash, made[i]);
    earlier?.put(asked.flatMap((hash, i) => (made[i] === undefined ? [] : [[hash, made[i]]])));
    embedded += missing.filter(({ hash }) => asked.includes(hash)).length;
    fetched += missing.filter(({ hash }) => unknown.includes(hash) && !asked.includes(hash)).length;
    storeVectors(database, missing, known, embedder.model);
    onProgress?.({ phase: 'embed', done: total - countMissing(database), total });
    signal?.throwIfAborted();
    await pace.pause();
  }
  return { embedded, fetched };
}

function countMissing(database: Database): number {
  return database.number(
    `SELECT count(*) FROM records r WHERE NOT EXISTS (SELECT 1 FROM vectors v WHERE v.id = r.id)`,
  );
}

function missingVectors(database: Database, after: number): { missing: Missing[]; last: number } {
  const rows = database.all(
    `SELECT r.seq, r.id, r.body, r.created_at_ms FROM records r
     WHERE r.seq > ? AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.id = r.id)
     ORDER BY r.seq LIMIT ?`,
    after,
    STAGE_EMBEDDINGS_PER_ROUND,
  );
  const missing = rows.map(([, ...record]) => {
    const { id, content, metadata } = memoryOf(record);
    const text = embeddingText(content, metadata);
    return { id, text, hash: textHash(text) };
  });
  return { missing, last: Number(rows.at(-1)?.[0] ?? after) };
}

function storedVector(database: Database, hash: string, model: string): Float32Array | undefined {
  const sql = `SELECT vector FROM vectors WHERE text_hash = ? AND model = ? LIMIT 1`;
  const bytes = database.get(sql, hash, model)?.[0];
  return bytes instanceof Uint8Array ? vectorOfBytes(bytes) : undefined;
}

/** A peer that cannot answer costs time, not the staging: what it does not send is embedded here. */
async function fetchQuietly(
  fetchVectors: StageOptions['fetchVectors'],
  hashes: string[],
): Promise<readonly (Float32Array | undefined)[]> {
  if (fetchVectors === undefined || hashes.length === 0) return [];
  try {
    return await fetchVectors(hashes);
  } catch {
    return [];
  }
}

/** What came from elsewhere, if it can be a vector of the model. */
function usable(
  vector: Float32Array | undefined,
  { dimensions }: Embedder,
): Float32Array | undefined {
  return vector?.length === dimensions && vector.every(Number.isFinite) ? vector : undefined;
}

function storeVectors(
  database: Database,
  missing: readonly Missing[],
  known: ReadonlyMap<string, Float32Array | undefined>,
  model: string,
): void {
  const writer = new V2Writer(database);
  database.transaction(() => {
    for (const { id, hash } of missing) {
      const values = known.get(hash);
      assert(values !== undefined, 'every text of a round has a vector now');
      writer.putVector(id, hash, { model, values });
    }
  });
}
