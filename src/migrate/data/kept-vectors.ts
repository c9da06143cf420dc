/**
 * Vectors of v1 that are as good as new ones. v1 stores a hash of the text where it has no model, names
 * models wrongly, and embeds other texts than v2 does; so the vectors of a table are believed when those
 * of a sample are what our model makes of our texts, and each of them when it is no hash.
 */
import { embeddingText, textHash } from '../../memory/command.js';
import type { Database } from '../../memory/database.js';
import type { Embedder } from '../../memory/engine.js';
import { unpackRow } from '../../memory/exact-row.js';
import { isV1HashEmbedding } from '../../memory/v1-hash-embedding.js';
import { memoryOf } from '../../memory/v2-file.js';
import { cosine, vectorOfBytes } from '../../memory/vector-bytes.js';
import { SAMPLE_COSINE_MIN, SAMPLED_VECTORS } from './limits.js';

const NO_VECTOR = new Float32Array();
export const CANDIDATES_TABLE = 'agentic_flow_migration_vectors';

/** Writes down which rows of v1 hold a vector that may be kept. */
export class VectorCandidates {
  readonly #store: Database;
  readonly #dimensions: number;

  constructor(store: Database, dimensions: number) {
    this.#store = store;
    this.#dimensions = dimensions;
    store.exec(
      `CREATE TABLE IF NOT EXISTS ${CANDIDATES_TABLE} (id TEXT PRIMARY KEY, origin TEXT NOT NULL,
         column_name TEXT NOT NULL, archive_seq INTEGER NOT NULL) WITHOUT ROWID`,
    );
  }

  /** The row with this number in the archive has the vector of a record. */
  add(id: string, value: unknown, from: { origin: string; column: string; seq: number }): void {
    if (!(value instanceof Uint8Array) || value.byteLength !== 4 * this.#dimensions) return;
    this.#store.run(
      `INSERT OR IGNORE INTO ${CANDIDATES_TABLE} VALUES (?, ?, ?, ?)`,
      id,
      from.origin,
      from.column,
      from.seq,
    );
  }
}

interface Candidate {
  readonly id: string;
  readonly vector: Float32Array;
}

export class KeptVectors {
  readonly #store: Database;
  readonly #archive: Database;
  readonly #believed: ReadonlySet<string>;
  /** Vectors of the samples by the hash of their text. */
  readonly #sampled: ReadonlyMap<string, Float32Array>;

  private constructor(
    files: { readonly store: Database; readonly archive: Database },
    believed: ReadonlySet<string>,
    sampled: ReadonlyMap<string, Float32Array>,
  ) {
    this.#store = files.store;
    this.#archive = files.archive;
    this.#believed = believed;
    this.#sampled = sampled;
  }

  /** Compares samples with what the embedder makes. Throws what it throws, and the signal's reason. */
  static async judge(
    store: Database,
    archive: Database,
    { embedder, signal }: { embedder: Embedder; signal?: AbortSignal | undefined },
  ): Promise<KeptVectors> {
    const believed = new Set<string>();
    const sampled = new Map<string, Float32Array>();
    const origins = store.all(`SELECT origin, count(*) FROM ${CANDIDATES_TABLE} GROUP BY origin`);
    for (const [origin, count] of origins) {
      const every = Math.max(1, Math.floor(Number(count) / SAMPLED_VECTORS));
      const sample = sampleOf(store, archive, String(origin), every);
      const texts = sample.map(({ id }) => textOfRecord(store, id));
      const made = await embedder.embed(texts, 'background');
      signal?.throwIfAborted();
      for (const [at, text] of texts.entries()) sampled.set(textHash(text), made[at] ?? NO_VECTOR);
      const isOurs = sample.every(({ vector }, at) => {
        return cosine(vector, made[at] ?? NO_VECTOR) > SAMPLE_COSINE_MIN;
      });
      if (isOurs && sample.length > 0) believed.add(String(origin));
    }
    return new KeptVectors({ store, archive }, believed, sampled);
  }

  /** What the embedder made of a text to judge others by it. */
  sampled(hash: string): Float32Array | undefined {
    return this.#sampled.get(hash);
  }

  /** The vector of v1 for a record with this text, if it is certain. */
  find(id: string, text: string): Float32Array | undefined {
    if (this.#believed.size === 0) return undefined;
    const row = this.#store.get(
      `SELECT origin, column_name, archive_seq FROM ${CANDIDATES_TABLE} WHERE id = ?`,
      id,
    );
    if (row === undefined || !this.#believed.has(String(row[0]))) return undefined;
    const vector = archivedVector(this.#archive, Number(row[2]), String(row[1]));
    if (vector === undefined || !isDirection(vector)) return undefined;
    return isV1HashEmbedding(vector, [text, text.replaceAll('\n', ' ')]) ? undefined : vector;
  }

  /** Once all vectors are there. */
  static forget(store: Database): void {
    store.exec(`DROP TABLE IF EXISTS ${CANDIDATES_TABLE}`);
  }
}

/** Vectors spread evenly over those of an origin. */
function sampleOf(store: Database, archive: Database, origin: string, every: number): Candidate[] {
  const sample: Candidate[] = [];
  const rows = store.iterate(
    `SELECT id, column_name, archive_seq FROM ${CANDIDATES_TABLE} WHERE origin = ? ORDER BY id`,
    origin,
  );
  let at = 0;
  for (const [id, column, seq] of rows) {
    if (at % every === 0) {
      const vector = archivedVector(archive, Number(seq), String(column));
      if (vector !== undefined) sample.push({ id: String(id), vector });
    }
    at += 1;
    if (sample.length === SAMPLED_VECTORS) break;
  }
  return sample;
}

function archivedVector(archive: Database, seq: number, column: string): Float32Array | undefined {
  const packed = archive.get('SELECT row FROM v1_rows WHERE seq = ?', seq)?.[0];
  if (!(packed instanceof Uint8Array)) return undefined;
  const bytes = unpackRow(packed)[column];
  return bytes instanceof Uint8Array ? vectorOfBytes(bytes) : undefined;
}

function textOfRecord(store: Database, id: string): string {
  const row = store.get('SELECT id, body, created_at_ms FROM records WHERE id = ?', id);
  if (row === undefined) return '';
  const { content, metadata } = memoryOf(row);
  return embeddingText(content, metadata);
}

function isDirection(vector: Float32Array): boolean {
  return vector.every(Number.isFinite) && vector.some((value) => value !== 0);
}
