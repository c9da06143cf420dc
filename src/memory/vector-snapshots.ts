/**
 * Files beside a v2 store that spare it from building its graphs again. They are a cache: one that is
 * foreign, damaged or of another time is removed, and the store is read instead.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isUseless, removeCache } from './cache-file.js';
import { isOperational } from './errors.js';
import type { HnswIndex } from './index/hnsw-index.js';
import { saveSnapshot, saveSnapshotInPieces } from './index/snapshot-file.js';
import { openSnapshotInSteps, useSnapshotInSteps } from './index/snapshot-reader.js';
import { nextTurn } from './pace.js';

/** What a snapshot says of itself, as JSON in its label. */
export interface SnapshotLabel {
  /** See `VectorJournal.store`. */
  readonly store: string;
  /** Model and length, as `VectorIndexes` names them. */
  readonly key: string;
  /** Log index that the store had applied. */
  readonly appliedIndex: number;
}

export interface StoredGraph {
  readonly key: string;
  readonly appliedIndex: number;
  readonly graph: HnswIndex;
}

export class VectorSnapshots {
  readonly #storePath: string;

  constructor(storePath: string) {
    this.#storePath = storePath;
  }

  /** Throws `disk-full`, `read-only`, `io`. */
  save(graph: HnswIndex, label: SnapshotLabel): void {
    saveSnapshot(graph, this.#pathOf(label.key), JSON.stringify(label));
  }

  /** See `saveSnapshotInPieces`; the originals lie in the file from then on. */
  async saveInPieces(graph: HnswIndex, label: SnapshotLabel, signal: AbortSignal): Promise<void> {
    const text = JSON.stringify(label);
    const path = this.#pathOf(label.key);
    await saveSnapshotInPieces(graph, path, text, signal);
    signal.throwIfAborted();
    for (const _ of useSnapshotInSteps(graph, path)) {
      await nextTurn();
      signal.throwIfAborted();
    }
  }

  /** The graphs that were saved of this content within a range of log indexes, in steps. */
  *open(store: string, from: number, to: number): Generator<undefined, StoredGraph[]> {
    const graphs: StoredGraph[] = [];
    for (const path of this.#paths(true)) removeCache(path);
    for (const path of this.#paths()) {
      const stored = yield* openOne(path);
      if (stored === undefined) continue;
      const { label, index } = stored;
      const isOurs = label.store === store && path === this.#pathOf(label.key);
      const { dimensions, metric } = index.settings;
      if (
        isOurs &&
        label.appliedIndex >= from &&
        label.appliedIndex <= to &&
        metric === 'cosine' &&
        label.key.startsWith(`${dimensions} `)
      ) {
        graphs.push({ key: label.key, appliedIndex: label.appliedIndex, graph: index });
      } else {
        index.close();
        removeCache(path);
      }
    }
    return graphs;
  }

  /** Removes what is there. */
  discard(): void {
    for (const path of this.#paths()) removeCache(path);
  }

  #prefix(): string {
    return `${basename(this.#storePath)}-vectors-`;
  }

  /** Finished ones, or those that a crash left unfinished. */
  #paths(areNew = false): string[] {
    const folder = dirname(this.#storePath);
    const prefix = this.#prefix();
    return namesIn(folder)
      .filter((name) => name.startsWith(prefix) && name.endsWith('.new') === areNew)
      .map((name) => join(folder, name));
  }

  #pathOf(key: string): string {
    const name = createHash('sha256').update(key).digest('hex').slice(0, 16);
    return join(dirname(this.#storePath), this.#prefix() + name);
  }
}

/** Undefined for a file that cannot be trusted. */
function* openOne(
  path: string,
): Generator<undefined, { label: SnapshotLabel; index: HnswIndex } | undefined> {
  try {
    const { index, label } = yield* openSnapshotInSteps(path);
    const parsed = parseLabel(label);
    if (parsed !== undefined) return { label: parsed, index };
    index.close();
  } catch (error) {
    if (!isOperational(error)) throw error;
    if (!isUseless(error)) return undefined;
  }
  removeCache(path);
  return undefined;
}

/** None where the folder cannot be read. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (!isOperational(error)) throw error;
    return [];
  }
}

function parseLabel(text: string): SnapshotLabel | undefined {
  let label: unknown;
  try {
    label = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof label !== 'object' || label === null) return undefined;
  const { store, key, appliedIndex } = label as Partial<Record<keyof SnapshotLabel, unknown>>;
  if (typeof store !== 'string' || typeof key !== 'string') return undefined;
  if (typeof appliedIndex !== 'number' || !Number.isSafeInteger(appliedIndex)) return undefined;
  return { store, key, appliedIndex };
}
