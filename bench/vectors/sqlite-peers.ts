/** Extensions of SQLite: sqlite-vec, which compares all, and vectorlite, which has a graph. */
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { bytesOfVector } from '../../src/memory/vector-bytes.js';
import { NEAREST, rowOf } from './data.js';
import { BUILD_BREADTH, NEIGHBOURS, type MeasuredIndex, type Place } from './measured-index.js';
import { peersRequire } from './peers.js';

export type Database = InstanceType<typeof DatabaseSync>;

export function databaseWith(extension: string, path: string): Database {
  const database = new DatabaseSync(path, { allowExtension: true });
  database.enableLoadExtension(true);
  database.loadExtension(extension);
  return database;
}

export function sqliteVecPath(): string {
  return (peersRequire('sqlite-vec') as { getLoadablePath(): string }).getLoadablePath();
}

export function makeSqliteVec(place: Place): MeasuredIndex {
  const database = databaseWith(sqliteVecPath(), ':memory:');
  const { dimensions } = place;
  database.exec(`CREATE VIRTUAL TABLE v USING vec0(e float[${dimensions}] distance_metric=cosine)`);
  return sqliteVec(place, database);
}

export function openSqliteVec(place: Place): MeasuredIndex {
  return sqliteVec(place, databaseWith(sqliteVecPath(), join(place.folder, 'vectors.db')));
}

function sqliteVec({ dimensions, folder }: Place, database: Database): MeasuredIndex {
  const search = database.prepare('SELECT rowid AS id FROM v WHERE e MATCH ? AND k = ?');
  return {
    build: (vectors) => insertAll(database, 'v', vectors, dimensions),
    search: (query) => {
      const rows = search.all(bytesOfVector(query), NEAREST) as { readonly id: number }[];
      return rows.map(({ id }) => id - 1);
    },
    save: () => void database.prepare('VACUUM INTO ?').run(join(folder, 'vectors.db')),
  };
}

/** Its file is written when the connection closes, so it is searched and not opened again. */
export function vectorlite({ dimensions }: Place): MeasuredIndex {
  const { vectorlitePath } = peersRequire('vectorlite') as { vectorlitePath(): string };
  const database = databaseWith(vectorlitePath(), ':memory:');
  const make = (count: number): void => {
    const hnsw = `max_elements=${count}, M=${NEIGHBOURS}, ef_construction=${BUILD_BREADTH}`;
    database.exec(
      `CREATE VIRTUAL TABLE v USING vectorlite(e float32[${dimensions}] cosine, hnsw(${hnsw}))`,
    );
  };
  return {
    build: (vectors) => {
      make(vectors.length / dimensions);
      insertAll(database, 'v', vectors, dimensions);
    },
    search: (query, breadth) => {
      const rows = database
        .prepare('SELECT rowid AS id FROM v WHERE knn_search(e, knn_param(?, ?, ?))')
        .all(bytesOfVector(query), NEAREST, breadth) as { readonly id: number }[];
      return rows.map(({ id }) => id - 1);
    },
  };
}

/** Row numbers begin at 1. */
function insertAll(
  database: Database,
  table: string,
  vectors: Float32Array,
  dimensions: number,
): void {
  const insert = database.prepare(`INSERT INTO ${table} (rowid, e) VALUES (?, ?)`);
  const count = vectors.length / dimensions;
  database.exec('BEGIN');
  for (let at = 0; at < count; at += 1) {
    insert.run(BigInt(at + 1), bytesOfVector(rowOf(vectors, dimensions, at)));
  }
  database.exec('COMMIT');
}
