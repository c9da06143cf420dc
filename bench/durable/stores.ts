/** Stores that take batches of records with vectors, each with its own way to be durable. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openMemoryStore, openV2Engine } from '../../src/memory/index.js';
import { bytesOfVector } from '../../src/memory/vector-bytes.js';
import { BUILD_BREADTH, NEIGHBOURS } from '../vectors/measured-index.js';
import type { Lance, LanceTable, Zvec } from '../vectors/graph-peers.js';
import { peersRequire } from '../vectors/peers.js';
import { databaseWith, sqliteVecPath } from '../vectors/sqlite-peers.js';

export const DIMENSIONS = 384;
const LINK_POLL_MS = 20;

export interface StoredRecord {
  readonly id: number;
  readonly content: string;
  readonly vector: Float32Array;
}

export interface DurableStore {
  /** Ends when the store says that the batch is written: what its user would wait for. */
  insert(batch: readonly StoredRecord[]): void | Promise<void>;
  /** Whether a record is read back by its id. */
  has(id: number): boolean | Promise<boolean>;
  /** Ends when searches find all vectors by a graph. */
  link?(): void | Promise<void>;
}

export interface StoreKind {
  /** Package of bench/peers; none for ours. */
  readonly from?: string;
  /** What was set so that an acknowledged batch survives. */
  readonly setting: string;
  open(folder: string): DurableStore | Promise<DurableStore>;
}

export const STORES: Readonly<Record<string, StoreKind>> = {
  'v2-engine': { setting: 'a transaction and sync() a batch', open: own },
  store: { setting: 'putMany of a batch by the default group commit', open: ownStore },
  zvec: {
    from: '@zvec/zvec',
    setting: 'insertSync a batch; its README promises persistence by its log, nothing is to be set',
    open: zvec,
  },
  lancedb: {
    from: '@lancedb/lancedb',
    setting: 'add() a batch, which writes a version of the table; no setting is documented',
    open: lance,
  },
  'sqlite-vec': {
    from: 'sqlite-vec',
    setting: 'write-ahead log, synchronous = FULL, a transaction a batch',
    open: sqliteVec,
  },
};

function own(folder: string): DurableStore {
  const engine = openV2Engine(join(folder, 'store.db'), { create: true });
  return {
    insert: (batch) => {
      const first = engine.appliedIndex + 1;
      const commands = batch.map(({ id, content, vector }, at) => ({
        index: first + at,
        command: {
          type: 'insertMemory' as const,
          id: String(id),
          content,
          metadata: {},
          vector: { model: 'bench', values: vector },
          timestampMs: id,
        },
      }));
      const outcomes = engine.apply(commands, first + batch.length - 1);
      if (outcomes.some((outcome) => outcome !== 'ok')) throw new Error('an insert was refused');
      engine.sync();
    },
    has: (id) => engine.get(String(id)) !== undefined,
    link: async () => {
      await engine.prepareSearch();
      while (engine.vectorCounts()?.scanned !== 0) await delay(LINK_POLL_MS);
    },
  };
}

async function ownStore(folder: string): Promise<DurableStore> {
  const store = await openMemoryStore(join(folder, 'store.db'), { embedder: null });
  return {
    insert: async (batch) => {
      await store.putMany(
        batch.map(({ id, content, vector }) => {
          return { id: String(id), content, vector: { model: 'bench', values: vector } };
        }),
      );
    },
    has: async (id) => (await store.get(String(id))) !== null,
    link: async () => {
      await store.search({ vector: new Float32Array(DIMENSIONS).fill(1), limit: 1 });
      while ((await store.stats()).index?.scanned !== 0) await delay(LINK_POLL_MS);
    },
  };
}

function zvec(folder: string): DurableStore {
  const library = peersRequire('@zvec/zvec') as Zvec;
  const schema = new library.ZVecCollectionSchema({
    name: 'bench',
    vectors: {
      name: 'v',
      dataType: library.ZVecDataType['VECTOR_FP32'],
      dimension: DIMENSIONS,
      indexParams: {
        indexType: library.ZVecIndexType['HNSW'],
        metricType: library.ZVecMetricType['COSINE'],
        m: NEIGHBOURS,
        efConstruction: BUILD_BREADTH,
      },
    },
    fields: [{ name: 'content', dataType: library.ZVecDataType['STRING'] }],
  });
  const collection = library.ZVecCreateAndOpen(join(folder, 'collection'), schema);
  return {
    insert: (batch) => {
      const written = collection.insertSync(
        batch.map(({ id, content, vector }) => {
          return { id: String(id), vectors: { v: vector }, fields: { content } };
        }),
      );
      if (written.some(({ ok }) => !ok)) throw new Error('an insert was refused');
    },
    has: (id) => String(id) in collection.fetchSync([String(id)]),
    link: () => collection.optimizeSync(),
  };
}

async function lance(folder: string): Promise<DurableStore> {
  const library = peersRequire('@lancedb/lancedb') as Lance;
  const database = await library.connect(folder);
  const vectorColumns = { v: new library.VectorColumnOptions() };
  let table: LanceTable | undefined;
  return {
    insert: async (batch) => {
      const rows = batch.map(({ id, content, vector }) => {
        return { id, content, v: Array.from(vector) };
      });
      const data = library.makeArrowTable(rows, { vectorColumns });
      if (table === undefined) table = await database.createTable('t', data);
      else await table.add(data);
    },
    has: async (id) => (await table?.countRows(`id = ${id}`)) === 1,
  };
}

function sqliteVec(folder: string): DurableStore {
  const database = databaseWith(sqliteVecPath(), join(folder, 'store.db'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.exec('CREATE TABLE records (id INTEGER PRIMARY KEY, content TEXT) STRICT');
  database.exec(`CREATE VIRTUAL TABLE v USING vec0(e float[${DIMENSIONS}] distance_metric=cosine)`);
  const record = database.prepare('INSERT INTO records (id, content) VALUES (?, ?)');
  const vector = database.prepare('INSERT INTO v (rowid, e) VALUES (?, ?)');
  const found = database.prepare('SELECT rowid FROM v WHERE rowid = ?');
  return {
    insert: (batch) => {
      database.exec('BEGIN');
      for (const { id, content, vector: values } of batch) {
        record.run(id, content);
        vector.run(BigInt(id), bytesOfVector(values));
      }
      database.exec('COMMIT');
    },
    has: (id) => found.get(BigInt(id)) !== undefined,
  };
}
