/** The vector indexes that are compared, each behind the same few calls. M 16, efConstruction 200. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { HnswIndex, openSnapshot, saveSnapshot } from '../../src/memory/index/index.js';
import { RUNG_VARIABLE, type Rung } from '../../src/memory/index/rung.js';
import { bytesOfVector } from '../../src/memory/vector-bytes.js';
import { NEAREST, peersRequire, rowOf } from './data.js';

const NEIGHBOURS = 16;
const BUILD_BREADTH = 200;

export interface MeasuredIndex {
  /** Returns when all vectors are found by the graph. */
  build(vectors: Float32Array): void;
  /** Numbers of the ten nearest; `breadth` is efSearch. */
  search(query: Float32Array, breadth: number): ArrayLike<number>;
  /** Searches among one of so many vectors; breadth 0 compares all of those. Ours only. */
  filtered?(every: number): (query: Float32Array, breadth: number) => ArrayLike<number>;
  /** Writes the index to a file, opens it and asks the first query: milliseconds of the last two. */
  reopen?(query: Float32Array): number;
}

export interface IndexKind {
  /** Package of bench/peers; none for ours. */
  readonly from?: string;
  /** Compares every vector: there is nothing to sweep. */
  readonly isExact?: true;
  make(dimensions: number, folder: string): MeasuredIndex;
}

export const INDEXES: Readonly<Record<string, IndexKind>> = {
  native: { make: (dimensions, folder) => ours(dimensions, 'native', folder) },
  wasm: { make: (dimensions, folder) => ours(dimensions, 'wasm', folder) },
  js: { make: (dimensions, folder) => ours(dimensions, 'js', folder) },
  zvec: { from: '@zvec/zvec', make: (dimensions, folder) => zvec(dimensions, folder, 'UNDEFINED') },
  'zvec-int8': {
    from: '@zvec/zvec',
    make: (dimensions, folder) => zvec(dimensions, folder, 'INT8'),
  },
  'hnswlib-node': { from: 'hnswlib-node', make: hnswlib },
  usearch: { from: 'usearch', make: usearch },
  'sqlite-vec': { from: 'sqlite-vec', isExact: true, make: sqliteVec },
};

function ours(dimensions: number, rung: Rung, folder: string): MeasuredIndex {
  process.env[RUNG_VARIABLE] = rung;
  const index = HnswIndex.create({
    dimensions,
    neighbours: NEIGHBOURS,
    buildBreadth: BUILD_BREADTH,
  });
  return {
    build: (vectors) => {
      const count = vectors.length / dimensions;
      for (let at = 0; at < count; at += 1) index.put(String(at), rowOf(vectors, dimensions, at));
      index.link(count);
    },
    search: (query, breadth) =>
      index.search(query, { limit: NEAREST, breadth }).map(({ id }) => Number(id)),
    filtered: (every) => {
      const filter = index.filter((id) => Number(id) % every === 0);
      return (query, breadth) => {
        const how = breadth === 0 ? { exact: true } : { breadth };
        const hits = index.search(query, { limit: NEAREST, filter, ...how });
        return hits.map(({ id }) => Number(id));
      };
    },
    reopen: (query) => {
      const path = join(folder, `${rung}.index`);
      saveSnapshot(index, path);
      const startedMs = performance.now();
      const opened = openSnapshot(path).index;
      opened.search(query, { limit: NEAREST });
      const tookMs = performance.now() - startedMs;
      opened.close();
      rmSync(path);
      return tookMs;
    },
  };
}

interface Zvec {
  readonly ZVecCollectionSchema: new (schema: object) => object;
  readonly ZVecDataType: Readonly<Record<string, number>>;
  readonly ZVecIndexType: Readonly<Record<string, number>>;
  readonly ZVecMetricType: Readonly<Record<string, number>>;
  readonly ZVecQuantizeType: Readonly<Record<string, number>>;
  ZVecCreateAndOpen(path: string, schema: object): ZvecCollection;
}

interface ZvecCollection {
  insertSync(documents: readonly object[]): readonly { readonly ok: boolean }[];
  optimizeSync(): void;
  querySync(query: object): readonly { readonly id: string }[];
}

const ZVEC_BATCH = 500;

function zvec(dimensions: number, folder: string, quantize: 'UNDEFINED' | 'INT8'): MeasuredIndex {
  const library = peersRequire('@zvec/zvec') as Zvec;
  const indexType = library.ZVecIndexType['HNSW']!;
  const schema = new library.ZVecCollectionSchema({
    name: 'bench',
    vectors: {
      name: 'v',
      dataType: library.ZVecDataType['VECTOR_FP32'],
      dimension: dimensions,
      indexParams: {
        indexType,
        metricType: library.ZVecMetricType['COSINE'],
        m: NEIGHBOURS,
        efConstruction: BUILD_BREADTH,
        quantizeType: library.ZVecQuantizeType[quantize],
      },
    },
  });
  const path = join(folder, `zvec-${quantize}`);
  rmSync(path, { recursive: true, force: true });
  const collection = library.ZVecCreateAndOpen(path, schema);
  return {
    build: (vectors) => {
      const count = vectors.length / dimensions;
      for (let from = 0; from < count; from += ZVEC_BATCH) {
        const documents = Array.from({ length: Math.min(ZVEC_BATCH, count - from) }, (_, at) => {
          return { id: String(from + at), vectors: { v: rowOf(vectors, dimensions, from + at) } };
        });
        collection.insertSync(documents);
      }
      // Until then what was inserted is scanned.
      collection.optimizeSync();
    },
    search: (vector, ef) => {
      const params = { indexType, ef };
      const query = { fieldName: 'v', vector, topk: NEAREST, outputFields: [], params };
      return collection.querySync(query).map(({ id }) => Number(id));
    },
  };
}

interface Hnswlib {
  readonly HierarchicalNSW: new (space: string, dimensions: number) => HnswlibIndex;
}

interface HnswlibIndex {
  initIndex(most: number, m: number, efConstruction: number, seed: number): void;
  addPoint(point: readonly number[], label: number): void;
  setEf(ef: number): void;
  searchKnn(point: readonly number[], count: number): { readonly neighbors: readonly number[] };
}

/** Inner product of vectors of length 1, which is its cosine without another normalization. */
function hnswlib(dimensions: number): MeasuredIndex {
  const library = peersRequire('hnswlib-node') as Hnswlib;
  const index = new library.HierarchicalNSW('ip', dimensions);
  return {
    build: (vectors) => {
      const count = vectors.length / dimensions;
      index.initIndex(count, NEIGHBOURS, BUILD_BREADTH, 100);
      for (let at = 0; at < count; at += 1) {
        index.addPoint([...rowOf(vectors, dimensions, at)], at);
      }
    },
    search: (query, breadth) => {
      index.setEf(breadth);
      return index.searchKnn([...query], NEAREST).neighbors;
    },
  };
}

interface Usearch {
  readonly Index: new (options: object) => UsearchIndex;
}

interface UsearchIndex {
  add(keys: BigUint64Array, vectors: Float32Array, threads: number): void;
  search(query: Float32Array, count: number, threads: number): { readonly keys: BigUint64Array };
  save(path: string): void;
  load(path: string): void;
}

/** Its breadth of searches is a setting of an index: for each another one is loaded from the file. */
function usearch(dimensions: number, folder: string): MeasuredIndex {
  const library = peersRequire('usearch') as Usearch;
  const make = (breadth: number): UsearchIndex =>
    new library.Index({
      metric: 'cos',
      quantization: 'f32',
      dimensions,
      connectivity: NEIGHBOURS,
      expansion_add: BUILD_BREADTH,
      expansion_search: breadth,
    });
  let index = make(NEAREST);
  let loadedBreadth = NEAREST;
  const path = join(folder, 'usearch.index');
  return {
    build: (vectors) => {
      const keys = BigUint64Array.from({ length: vectors.length / dimensions }, (_, at) =>
        BigInt(at),
      );
      index.add(keys, vectors, 1);
      index.save(path);
    },
    search: (query, breadth) => {
      if (breadth !== loadedBreadth) {
        index = make(breadth);
        index.load(path);
        loadedBreadth = breadth;
      }
      return Array.from(index.search(query, NEAREST, 1).keys, Number);
    },
  };
}

function sqliteVec(dimensions: number): MeasuredIndex {
  const { getLoadablePath } = peersRequire('sqlite-vec') as { getLoadablePath(): string };
  const database = new DatabaseSync(':memory:', { allowExtension: true });
  database.enableLoadExtension(true);
  database.loadExtension(getLoadablePath());
  database.exec(`CREATE VIRTUAL TABLE v USING vec0(e float[${dimensions}] distance_metric=cosine)`);
  const search = database.prepare('SELECT rowid AS id FROM v WHERE e MATCH ? AND k = ?');
  return {
    build: (vectors) => {
      const insert = database.prepare('INSERT INTO v (rowid, e) VALUES (?, ?)');
      const count = vectors.length / dimensions;
      database.exec('BEGIN');
      for (let at = 0; at < count; at += 1) {
        insert.run(BigInt(at + 1), bytesOfVector(rowOf(vectors, dimensions, at)));
      }
      database.exec('COMMIT');
    },
    search: (query) => {
      const rows = search.all(bytesOfVector(query), NEAREST) as { readonly id: number }[];
      return rows.map(({ id }) => id - 1);
    },
  };
}
