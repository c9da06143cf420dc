/** The vector indexes that are compared. M 16, efConstruction 200. */
import { join } from 'node:path';
import { detectSimd, HnswIndex, openSnapshot, saveSnapshot } from '../../src/memory/index/index.js';
import { RUNG_VARIABLE, type Rung } from '../../src/memory/index/rung.js';
import { NEAREST, rowOf } from './data.js';
import {
  makeHnswlib,
  makeLance,
  makeUsearch,
  makeZvec,
  openHnswlib,
  openLance,
  openUsearch,
  openZvec,
  ruvector,
} from './graph-peers.js';
import {
  BUILD_BREADTH,
  NEIGHBOURS,
  type IndexKind,
  type MeasuredIndex,
  type Place,
} from './measured-index.js';
import { makeSqliteVec, openSqliteVec, vectorlite } from './sqlite-peers.js';

/** The native codes without a graph: what the processor and its memory allow. */
export const SCAN = 'native-scan';

export const INDEXES: Readonly<Record<string, IndexKind>> = {
  native: ours('native'),
  wasm: ours('wasm'),
  js: ours('js'),
  [SCAN]: scan(),
  zvec: {
    from: '@zvec/zvec',
    make: (place) => makeZvec(place, 'UNDEFINED'),
    open: openZvec,
  },
  'zvec-int8': {
    from: '@zvec/zvec',
    make: (place) => makeZvec(place, 'INT8'),
    open: openZvec,
  },
  'hnswlib-node': { from: 'hnswlib-node', make: makeHnswlib, open: openHnswlib },
  usearch: { from: 'usearch', make: makeUsearch, open: openUsearch },
  lancedb: { from: '@lancedb/lancedb', make: makeLance, open: openLance },
  ruvector: { from: '@ruvector/core', make: ruvector, open: ruvector },
  vectorlite: { from: 'vectorlite', make: vectorlite },
  'sqlite-vec': { from: 'sqlite-vec', isExact: true, make: makeSqliteVec, open: openSqliteVec },
};

function ours(rung: Rung): IndexKind {
  return {
    load: () => {
      process.env[RUNG_VARIABLE] = rung;
      detectSimd();
    },
    make: (place) => measured(create(place), path(place)),
    open: (place) => measured(openSnapshot(path(place)).index, path(place)),
  };
}

/** What is put and not linked is scanned: all codes for each query, with the best compared again. */
function scan(): IndexKind {
  const { load } = ours('native');
  return {
    ...(load === undefined ? {} : { load }),
    isExact: true,
    make: (place) => {
      const index = create(place);
      const { search } = measured(index, '');
      return {
        build: (vectors) => putAll(index, vectors),
        search: (query) => search(query, NEAREST),
      };
    },
  };
}

function path({ folder }: Place): string {
  return join(folder, 'vectors.index');
}

/** As the engine makes them: the originals in a file. */
function create({ dimensions, folder }: Place): HnswIndex {
  const settings = { dimensions, neighbours: NEIGHBOURS, buildBreadth: BUILD_BREADTH };
  return HnswIndex.create({ ...settings, originalsIn: folder });
}

function putAll(index: HnswIndex, vectors: Float32Array): void {
  const { dimensions } = index.settings;
  const count = vectors.length / dimensions;
  for (let at = 0; at < count; at += 1) index.put(String(at), rowOf(vectors, dimensions, at));
}

function measured(index: HnswIndex, file: string): MeasuredIndex {
  return {
    build: (vectors) => {
      putAll(index, vectors);
      index.link(index.size);
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
    save: () => saveSnapshot(index, file),
  };
}
