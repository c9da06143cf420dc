/** Reads the vectors of a v2 store into indexes: from snapshots and what changed since, or row by row. */
import type { Database, SqlValue } from './database.js';
import type { ModelVector } from './engine.js';
import { GraphVectorIndex } from './graph-vector-index.js';
import { VECTORS_PER_STEP } from './limits.js';
import { vectorOfBytes } from './vector-bytes.js';
import { VectorIndexes } from './vector-indexes.js';
import type { VectorJournal } from './vector-journal.js';
import type { VectorSnapshots } from './vector-snapshots.js';

export type GraphIndexes = VectorIndexes<GraphVectorIndex>;

/** `folder`: of the store, where originals lie until there is a snapshot. */
export function emptyGraphIndexes(folder: string): GraphIndexes {
  return new VectorIndexes((dimensions) => new GraphVectorIndex(dimensions, { folder }));
}

/**
 * Puts every vector of the store in. Between two steps commands may be applied, whose vectors are put
 * as well: each is in the journal, or behind the place that has been read, or read as it is now.
 */
export function* loadVectors(
  database: Database,
  journal: VectorJournal,
  snapshots: VectorSnapshots,
  indexes: GraphIndexes,
  appliedIndex: () => number,
): Generator<undefined, void> {
  const stored = yield* snapshots.open(journal.store, journal.from, appliedIndex());
  for (const { key, graph } of stored) {
    indexes.adopt(key, new GraphVectorIndex(graph.settings.dimensions, { graph }));
  }
  if (stored.length > 0) {
    const oldest = Math.min(...stored.map((one) => one.appliedIndex));
    for (const id of journal.changedSince(oldest)) {
      indexes.put(id, vectorOf(database, id));
      yield;
    }
    if (indexes.size === countVectors(database)) return;
    // Models without a snapshot: their rows are looked for among the ids alone.
    yield* readMissing(database, indexes);
    if (indexes.size === countVectors(database)) return;
    // What is over is in no row: the snapshots tell of another store than they say.
    for (const [, index] of indexes.entries()) index.close();
    snapshots.discard();
    indexes.clear();
  }
  for (let after = ''; ;) {
    const rows = database.all(
      `SELECT id, model, vector FROM vectors WHERE id > ? ORDER BY id LIMIT ${VECTORS_PER_STEP}`,
      after,
    );
    if (rows.length === 0) return;
    for (const [id, ...row] of rows) {
      after = String(id);
      indexes.put(after, modelVector(row));
    }
    yield;
  }
}

function* readMissing(database: Database, indexes: GraphIndexes): Generator<undefined, void> {
  for (let after = ''; ;) {
    const rows = database.all(
      `SELECT id FROM vectors WHERE id > ? ORDER BY id LIMIT ${VECTORS_PER_STEP}`,
      after,
    );
    if (rows.length === 0) return;
    for (const [id] of rows) {
      after = String(id);
      if (!indexes.has(after)) indexes.put(after, vectorOf(database, after));
    }
    yield;
  }
}

/** The vector of a memory as the store has it. */
export function vectorOf(database: Database, id: string): ModelVector | null {
  const row = database.get(`SELECT model, vector FROM vectors WHERE id = ?`, id);
  return row === undefined ? null : modelVector(row);
}

function modelVector([model, bytes]: readonly SqlValue[]): ModelVector | null {
  if (!(bytes instanceof Uint8Array)) return null;
  return { model: String(model), values: vectorOfBytes(bytes) };
}

function countVectors(database: Database): number {
  return database.number(`SELECT count(*) FROM vectors`);
}
