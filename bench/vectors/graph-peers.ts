/** Other graph indexes: zvec, hnswlib-node, usearch, LanceDB and ruvector. */
import { join } from 'node:path';
import { NEAREST, rowOf } from './data.js';
import { BUILD_BREADTH, NEIGHBOURS, type MeasuredIndex, type Place } from './measured-index.js';
import { peersRequire } from './peers.js';

export interface Zvec {
  readonly ZVecCollectionSchema: new (schema: object) => object;
  readonly ZVecDataType: Readonly<Record<string, number>>;
  readonly ZVecIndexType: Readonly<Record<string, number>>;
  readonly ZVecMetricType: Readonly<Record<string, number>>;
  readonly ZVecQuantizeType: Readonly<Record<string, number>>;
  ZVecCreateAndOpen(path: string, schema: object): ZvecCollection;
  ZVecOpen(path: string): ZvecCollection;
}

interface ZvecCollection {
  insertSync(documents: readonly object[]): readonly { readonly ok: boolean }[];
  optimizeSync(): void;
  querySync(query: object): readonly { readonly id: string }[];
  fetchSync(ids: readonly string[]): Readonly<Record<string, object>>;
  closeSync(): void;
}

const ZVEC_BATCH = 500;

export function makeZvec(place: Place, quantize: 'UNDEFINED' | 'INT8'): MeasuredIndex {
  const library = peersRequire('@zvec/zvec') as Zvec;
  const schema = new library.ZVecCollectionSchema({
    name: 'bench',
    vectors: {
      name: 'v',
      dataType: library.ZVecDataType['VECTOR_FP32'],
      dimension: place.dimensions,
      indexParams: {
        indexType: library.ZVecIndexType['HNSW'],
        metricType: library.ZVecMetricType['COSINE'],
        m: NEIGHBOURS,
        efConstruction: BUILD_BREADTH,
        quantizeType: library.ZVecQuantizeType[quantize],
      },
    },
  });
  return zvec(place, library.ZVecCreateAndOpen(zvecPath(place), schema));
}

export function openZvec(place: Place): MeasuredIndex {
  return zvec(place, (peersRequire('@zvec/zvec') as Zvec).ZVecOpen(zvecPath(place)));
}

function zvecPath({ folder }: Place): string {
  return join(folder, 'collection');
}

function zvec(place: Place, opened: ZvecCollection): MeasuredIndex {
  const { dimensions } = place;
  const library = peersRequire('@zvec/zvec') as Zvec;
  const indexType = library.ZVecIndexType['HNSW']!;
  let collection = opened;
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
    save: () => {
      collection.closeSync();
      collection = library.ZVecOpen(zvecPath(place));
    },
  };
}

interface Hnswlib {
  readonly HierarchicalNSW: new (space: string, dimensions: number) => HnswlibIndex;
}

interface HnswlibIndex {
  initIndex(most: number, m: number, efConstruction: number, seed: number): void;
  addPoint(point: readonly number[], label: number): void;
  readIndexSync(path: string): void;
  writeIndexSync(path: string): void;
  setEf(ef: number): void;
  searchKnn(point: readonly number[], count: number): { readonly neighbors: readonly number[] };
}

/** Inner product of vectors of length 1, which is its cosine without another normalization. */
export function makeHnswlib(place: Place): MeasuredIndex {
  return hnswlib(place, newHnswlib(place));
}

export function openHnswlib(place: Place): MeasuredIndex {
  const index = newHnswlib(place);
  index.readIndexSync(join(place.folder, 'hnswlib.index'));
  return hnswlib(place, index);
}

function newHnswlib({ dimensions }: Place): HnswlibIndex {
  return new (peersRequire('hnswlib-node') as Hnswlib).HierarchicalNSW('ip', dimensions);
}

function hnswlib({ dimensions, folder }: Place, index: HnswlibIndex): MeasuredIndex {
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
    save: () => index.writeIndexSync(join(folder, 'hnswlib.index')),
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
  view(path: string): void;
}

export function makeUsearch(place: Place): MeasuredIndex {
  return usearch(place, 'load');
}

/** Mapped, as it offers. */
export function openUsearch(place: Place): MeasuredIndex {
  return usearch(place, 'view');
}

/** Its breadth of searches is a setting of an index: for each another one is taken from the file. */
function usearch({ dimensions, folder }: Place, how: 'load' | 'view'): MeasuredIndex {
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
  let loadedBreadth = 0;
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
        index[how](path);
        loadedBreadth = breadth;
      }
      return Array.from(index.search(query, NEAREST, 1).keys, Number);
    },
    // Its build writes the file already.
    save: () => {},
  };
}

export interface Lance {
  readonly Index: { hnswSq(options: object): object };
  readonly VectorColumnOptions: new () => object;
  connect(folder: string): Promise<LanceDatabase>;
  makeArrowTable(rows: readonly object[], options: object): object;
}

interface LanceDatabase {
  createTable(name: string, rows: object): Promise<LanceTable>;
  openTable(name: string): Promise<LanceTable>;
}

export interface LanceTable {
  add(rows: object): Promise<unknown>;
  createIndex(column: string, options: object): Promise<void>;
  countRows(filter: string): Promise<number>;
  query(): LanceQuery;
}

interface LanceQuery {
  nearestTo(vector: Float32Array): LanceQuery;
  distanceType(name: string): LanceQuery;
  ef(breadth: number): LanceQuery;
  refineFactor(factor: number): LanceQuery;
  limit(count: number): LanceQuery;
  select(columns: readonly string[]): LanceQuery;
  toArray(): Promise<readonly { readonly id: number }[]>;
}

const LANCE_BATCH = 5000;
/** Twice the results are compared again by their originals, as ours does. */
const LANCE_REFINED = 2;

/** One partition, so that its graph holds all vectors; int8 codes (IVF_HNSW_SQ). */
export async function makeLance(place: Place): Promise<MeasuredIndex> {
  const { dimensions, folder } = place;
  const library = peersRequire('@lancedb/lancedb') as Lance;
  const database = await library.connect(folder);
  const vectorColumns = { v: new library.VectorColumnOptions() };
  const opened: { table?: LanceTable } = {};
  return {
    ...lance(opened),
    build: async (vectors) => {
      const count = vectors.length / dimensions;
      for (let from = 0; from < count; from += LANCE_BATCH) {
        const rows = Array.from({ length: Math.min(LANCE_BATCH, count - from) }, (_, at) => {
          return { id: from + at, v: Array.from(rowOf(vectors, dimensions, from + at)) };
        });
        const data = library.makeArrowTable(rows, { vectorColumns });
        if (opened.table === undefined) opened.table = await database.createTable('t', data);
        else await opened.table.add(data);
      }
      const config = library.Index.hnswSq({
        distanceType: 'cosine',
        m: NEIGHBOURS,
        efConstruction: BUILD_BREADTH,
        numPartitions: 1,
      });
      await opened.table!.createIndex('v', { config });
    },
  };
}

export async function openLance({ folder }: Place): Promise<MeasuredIndex> {
  const library = peersRequire('@lancedb/lancedb') as Lance;
  return lance({ table: await (await library.connect(folder)).openTable('t') });
}

function lance(opened: { readonly table?: LanceTable }): MeasuredIndex {
  return {
    build: () => {},
    search: async (query, breadth) => {
      const rows = await opened
        .table!.query()
        .nearestTo(query)
        .distanceType('cosine')
        .ef(Math.max(breadth, NEAREST * LANCE_REFINED))
        .refineFactor(LANCE_REFINED)
        .limit(NEAREST)
        .select(['id', '_distance'])
        .toArray();
      return rows.map(({ id }) => Number(id));
    },
    // Each of its writes ends in its files.
    save: () => {},
  };
}

interface Ruvector {
  readonly VectorDb: new (options: object) => RuvectorDatabase;
}

interface RuvectorDatabase {
  insertBatch(entries: readonly { id: string; vector: Float32Array }[]): Promise<unknown>;
  search(query: object): Promise<readonly { readonly id: string }[]>;
}

const RUVECTOR_BATCH = 1000;

export function ruvector({ dimensions, folder }: Place): MeasuredIndex {
  const { VectorDb } = peersRequire('@ruvector/core') as Ruvector;
  const database = new VectorDb({
    dimensions,
    distanceMetric: 'Cosine',
    storagePath: join(folder, 'ruvector.db'),
    hnswConfig: { m: NEIGHBOURS, efConstruction: BUILD_BREADTH, efSearch: BUILD_BREADTH },
  });
  return {
    build: async (vectors) => {
      const count = vectors.length / dimensions;
      for (let from = 0; from < count; from += RUVECTOR_BATCH) {
        const entries = Array.from({ length: Math.min(RUVECTOR_BATCH, count - from) }, (_, at) => {
          return { id: String(from + at), vector: rowOf(vectors, dimensions, from + at) };
        });
        await database.insertBatch(entries);
      }
    },
    search: async (vector, efSearch) => {
      const found = await database.search({ vector, k: NEAREST, efSearch });
      return found.map(({ id }) => Number(id));
    },
    save: () => {},
  };
}
