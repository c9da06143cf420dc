/** Records of a project's store for callers that cannot wait, and searches for those that can. */
import type { SqlValue } from '../memory/database.js';
import { embeddingText } from '../memory/command.js';
import type { Edge, ModelVector, SearchQuery } from '../memory/engine.js';
import { MemoryError } from '../memory/errors.js';
import { keyRanges, memoryKey } from '../memory/memory-key.js';
import { MODEL_DIMENSIONS, MODEL_NAME } from '../memory/model.js';
import { contentOf } from '../memory/v2-file.js';
import { vectorOf } from '../memory/v2-vectors.js';
import { vectorOfBytes } from '../memory/vector-bytes.js';
import type { StoreHost } from '../memory/store/host.js';
import { countRecords } from '../memory/store/listing.js';
import type { Operation } from '../memory/store/operations.js';
import {
  checkedVector,
  type EdgeInput,
  edgeEnds,
  linkOperation,
  placeOf,
  putOperation,
  type RecordInput,
  recordOf,
  type StoreRecord,
} from '../memory/store/records.js';
import { embedTexts } from './embedding.js';
import { EMBED_AT_ONCE_ROWS, SCAN_ROWS } from './limits.js';
import type { Session, SessionOptions } from './session.js';

/** A record with its vector, and the cosine of that to the one of the query. */
export interface Nearest {
  readonly record: StoreRecord;
  readonly vector: Float32Array;
  readonly similarity: number;
}

export interface RecordQuery extends Omit<SearchQuery, 'text' | 'vector' | 'limit' | 'namespace'> {
  readonly namespace: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

const MODEL = { model: MODEL_NAME, dimensions: MODEL_DIMENSIONS };

/** Every method that returns no promise is synchronous; a write is on the disk when it returns or resolves. */
export class Records {
  readonly session: Session;
  readonly options: SessionOptions;

  constructor(session: Session, options: SessionOptions = {}) {
    this.session = session;
    this.options = options;
  }

  /** Null if there is none, or it has expired. */
  get(namespace: string, id: string): StoreRecord | null {
    const key = memoryKey(namespace, id);
    return this.#use(({ file }) => {
      const memory = file.engine.get(key);
      if (memory === undefined || file.isExpired(key, Date.now())) return null;
      return recordOf({ ...memory, expiresAtMs: file.expiryOf(key) });
    });
  }

  /** Null if the record has none. */
  vector(namespace: string, id: string): ModelVector | null {
    const key = memoryKey(namespace, id);
    return this.#use(({ file }) => vectorOf(file.database, key));
  }

  count(namespace: string): number {
    return this.#use(({ file }) => countRecords(file, namespace, Date.now()));
  }

  /** Writes all operations in one transaction. Throws `not-found` for an edge to no record. */
  write(operations: readonly Operation[]): boolean[] {
    if (operations.length === 0) return [];
    return this.session.write(operations, this.options);
  }

  /** A record without a vector loses the one that it had, unless its text is the same. */
  put(record: RecordInput): void {
    this.write([this.putting(record)]);
  }

  /** What `put` would write. */
  putting(record: RecordInput): Operation {
    const operation = putOperation(record);
    const { vector } = record;
    if (vector !== undefined && vector !== null) {
      return { ...operation, vector: checkedVector(vector, MODEL, MODEL_NAME) };
    }
    if (vector === null) return operation;
    const before = this.#use(({ file }) => {
      const memory = file.engine.get(operation.key);
      const text = embeddingText(operation.content, record.metadata ?? {});
      const isSame =
        memory !== undefined && embeddingText(memory.content, memory.metadata) === text;
      return isSame ? vectorOf(file.database, operation.key) : null;
    });
    return { ...operation, vector: before };
  }

  /** Embeds the text of the record and puts it. */
  async putEmbedded(record: RecordInput): Promise<void> {
    const [values] = await embedTexts([embeddingText(record.content, record.metadata ?? {})]);
    this.put({ ...record, vector: values });
  }

  delete(namespace: string, id: string): boolean {
    const [isDone = false] = this.write([{ type: 'delete', key: memoryKey(namespace, id) }]);
    return isDone;
  }

  /** Throws `not-found` if an end is no record. */
  link(edge: EdgeInput): void {
    const [isDone] = this.write([linkOperation(edge)]);
    if (isDone === true) return;
    const ends = [edge.from, edge.to].map((id) => JSON.stringify(id)).join(' or ');
    throw new MemoryError('not-found', `there is no record ${ends} to link`, this.session.path);
  }

  unlink(edge: EdgeInput): boolean {
    const [isDone = false] = this.write([{ type: 'unlink', ...edgeEnds(edge) }]);
    return isDone;
  }

  /** Edges that leave a record. */
  edges(namespace: string, id: string): Edge[] {
    const key = memoryKey(namespace, id);
    return this.#use(({ file }) => file.engine.edges(key));
  }

  /** The records of a namespace from a time on, by id, a few at a time in memory. */
  *scan(namespace: string, fromMs = 0): Generator<StoreRecord, void> {
    for (const { record } of this.#scanFrom(namespace, false, fromMs)) yield record;
  }

  /** The same with their vectors of the store's model, null where there is none. */
  scanWithVectors(
    namespace: string,
  ): Generator<{ record: StoreRecord; vector: Float32Array | null }, void> {
    return this.#scanFrom(namespace, true, 0);
  }

  /** Those that have one. */
  *scanVectors(namespace: string): Generator<{ record: StoreRecord; vector: Float32Array }, void> {
    for (const { record, vector } of this.scanWithVectors(namespace)) {
      if (vector !== null) yield { record, vector };
    }
  }

  /** The nearest records by the cosine of their vectors, best first. */
  async nearest(vector: Float32Array, query: RecordQuery): Promise<Nearest[]> {
    const asked = {
      ...query,
      text: '',
      vector: { model: MODEL_NAME, values: vector },
      mode: 'vector',
    };
    const hits = await this.session.useAsync(
      (host) => host.calls.search(asked as SearchQuery, withoutContext()),
      this.options,
    );
    return hits.flatMap(({ score: _score, matchedBy: _by, rerankedBy: _re, ...memory }) => {
      const record = recordOf(memory);
      const found = this.vector(record.namespace, record.id);
      if (found === null) return [];
      return [{ record, vector: found.values, similarity: cosine(vector, found.values) }];
    });
  }

  /** Makes the vectors that are missing in a namespace whose records have one. Returns how many. */
  async embedMissing(
    namespace: string,
    isMeant: (record: StoreRecord) => boolean = () => true,
  ): Promise<number> {
    if (this.options.readOnly === true) return 0;
    const seen = `embedded ${namespace}`;
    const isDone = this.#use(() => this.session.remember(seen, () => false));
    if (isDone) return 0;
    let made = 0;
    for (const keys of this.#missingKeys(namespace)) {
      const records = keys.map((id) => this.get(namespace, id));
      const meant = records.filter((record) => record !== null).filter(isMeant);
      const texts = meant.map(({ content, metadata }) => embeddingText(content, metadata));
      const vectors = await embedTexts(texts, 'background');
      const puts = meant.flatMap((record, at): Operation[] => {
        // Another call may have replaced it meanwhile.
        const now = this.get(namespace, record.id);
        const isSame = now !== null && embeddingText(now.content, now.metadata) === texts[at];
        return isSame ? [this.putting({ ...now, vector: vectors[at] ?? null })] : [];
      });
      this.write(puts);
      made += puts.length;
    }
    this.#use(() => {
      this.session.forget(seen);
      this.session.remember(seen, () => true);
    });
    return made;
  }

  /** A record has been put without its vector. */
  willMiss(namespace: string): void {
    this.session.forget(`embedded ${namespace}`);
  }

  *#missingKeys(namespace: string): Generator<string[], void> {
    for (const [from, to] of keyRanges(namespace)) {
      for (let after: SqlValue = ''; ;) {
        const rows: SqlValue[][] = this.#use(({ file }) =>
          file.database.all(
            `SELECT r.id FROM records r WHERE r.id >= ? AND r.id > ? ${to === null ? '' : 'AND r.id < ?'}
               AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.id = r.id) ORDER BY r.id LIMIT ?`,
            from,
            after,
            ...(to === null ? [] : [to]),
            EMBED_AT_ONCE_ROWS,
          ),
        );
        if (rows.length === 0) break;
        after = rows.at(-1)?.[0] ?? after;
        yield rows.map(([key]) => placeOf(String(key)).id);
      }
    }
  }

  *#scanFrom(
    namespace: string,
    isWithVectors: boolean,
    fromMs: number,
  ): Generator<{ record: StoreRecord; vector: Float32Array | null }, void> {
    for (const [from, to] of keyRanges(namespace)) {
      for (let after: SqlValue = ''; ;) {
        const page: readonly SqlValue[][] = this.#use(({ file }) => {
          const rows = file.database.all(
            `SELECT r.id, r.body, r.created_at_ms, ${isWithVectors ? 'v.vector' : 'NULL'}
             FROM records r ${isWithVectors ? 'LEFT JOIN vectors v ON v.id = r.id' : ''}
             WHERE r.id >= ? AND r.id > ? ${to === null ? '' : 'AND r.id < ?'} AND r.created_at_ms >= ?
             ORDER BY r.id LIMIT ?`,
            from,
            after,
            ...(to === null ? [] : [to]),
            fromMs,
            SCAN_ROWS,
          );
          after = rows.at(-1)?.[0] ?? after;
          return rows
            .filter(([key]) => !file.isExpired(String(key), Date.now()))
            .map((row) => [...row, file.expiryOf(String(row[0]))]);
        });
        for (const row of page) {
          const found = recordOfRow(row);
          if (found !== undefined) yield found;
        }
        if (page.length === 0) break;
      }
    }
  }

  #use<T>(work: (host: StoreHost) => T): T {
    return this.session.use(work, this.options);
  }
}

/** Undefined for one that is damaged: `store check` names it, and the others are still of use. */
function recordOfRow([key, body, createdAtMs, bytes, expiresAtMs]: readonly SqlValue[]):
  { record: StoreRecord; vector: Float32Array | null } | undefined {
  const parts = contentOf(body);
  if (parts === undefined) return undefined;
  const [content, metadata] = parts;
  const expiry = expiresAtMs === null || expiresAtMs === undefined ? null : Number(expiresAtMs);
  const memory = { content, metadata, createdAtMs: Number(createdAtMs), expiresAtMs: expiry };
  return {
    record: recordOf({ id: String(key), ...memory }),
    vector: bytes instanceof Uint8Array ? vectorOfBytes(bytes) : null,
  };
}

function withoutContext(): { signal: AbortSignal; progress: () => void } {
  return { signal: new AbortController().signal, progress: () => undefined };
}

/** Cosine of two vectors of one length, 0 where one of them has none. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, ofA, ofB] = [0, 0, 0];
  for (let at = 0; at < a.length; at += 1) {
    const [x, y] = [a[at] ?? 0, b[at] ?? 0];
    dot += x * y;
    ofA += x * x;
    ofB += y * y;
  }
  const lengths = Math.sqrt(ofA) * Math.sqrt(ofB);
  return lengths === 0 ? 0 : dot / lengths;
}
