/** Reads all rows of an installation once, to count what is fake, poisoned or broken in them. */
import { createHash } from 'node:crypto';

import { packRow, textOf } from '../memory/exact-row.js';
import { vectorOfBytes } from '../memory/vector-bytes.js';
import { KEY_SEPARATOR } from './database-table.js';
import { originOf } from './fakes.js';
import { KEYS_COMPARED_MAX, ROWS_BETWEEN_PAUSES } from './limits.js';
import { dataProblems } from './problems.js';
import type { Row, V1Reading, V1Row } from './rows.js';

/** The vectors of one table. */
export interface EmbeddingCounts {
  readonly table: string;
  /** By origin, see `fakes.ts`: agentic-flow's hash of 1.8 to 1.10, or of any other length but 1,024. */
  hash384: number;
  /** The hash of 1.7. */
  hash1024: number;
  agentdbHash: number;
  /** Constant, with a NaN or an infinity, or bytes that are no vector. */
  noVector: number;
  other: number;
  /** Vectors by their number of components. */
  readonly dimensions: Map<number, number>;
}

export interface StoreAnalysis {
  /** Name of the store. */
  readonly store: string;
  rows: number;
  readonly embeddings: EmbeddingCounts[];
  poisonedLinks: number;
  /** Links with an end that is no memory of this store. */
  danglingLinks: number;
  /** Links whose weight is no number from 0 to 1. */
  badWeights: number;
  /** Rows by table whose JSON cannot be parsed. */
  readonly unparsable: Map<string, number>;
  /** Memories whose id is that of another one but for its case. */
  caseOnly: number;
}

/** Rows with the same key in tables of the same name. */
export interface Collision {
  readonly table: string;
  readonly stores: readonly [string, string];
  same: number;
  different: number;
}

export interface Analysis {
  readonly stores: readonly StoreAnalysis[];
  readonly collisions: readonly Collision[];
  /** In sentences with counts. */
  readonly problems: readonly string[];
}

export interface AnalyseOptions {
  readonly signal?: AbortSignal;
  /** Rows read. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Columns that v1 parses as JSON and fails on. */
const JSON_COLUMNS = ['pattern_data', 'trajectory_json', 'metadata', 'tags', 'vector_clock'];
/** Tables whose keys name no memory. */
const NOT_COMPARED = /(_embeddings|_log|_logs|_links|_edges|_runs|_metrics)$|^(state|metrics)$/;

export async function analyse(
  readings: readonly V1Reading[],
  options: AnalyseOptions = {},
): Promise<Analysis> {
  const keys = new SharedKeys(readings);
  const totals = readings.flatMap(({ store }) => Object.values(store.rows));
  const total = totals.reduce((sum, count) => sum + count, 0);
  const stores: StoreAnalysis[] = [];
  let done = 0;
  for (const reading of readings) {
    const analyser = new StoreAnalyser(reading);
    for (const table of analyser.tables()) {
      for (const row of reading.rows(table)) {
        analyser.add(row);
        keys.add(reading.store.name, row);
        done += 1;
        if (done % ROWS_BETWEEN_PAUSES === 0) {
          options.onProgress?.(done, Math.max(done, total));
          await new Promise(setImmediate);
          options.signal?.throwIfAborted();
        }
      }
    }
    stores.push(analyser.result);
  }
  options.onProgress?.(done, done);
  const problems = dataProblems(stores, keys.collisions, keys.isCut);
  return { stores, collisions: keys.collisions, problems };
}

class StoreAnalyser {
  readonly result: StoreAnalysis;
  readonly #reading: V1Reading;
  readonly #embeddings = new Map<string, EmbeddingCounts>();
  /** Ids of the memories; undefined once there are too many. */
  #ids: Set<string> | undefined = new Set();
  readonly #lowered = new Set<string>();

  constructor(reading: V1Reading) {
    this.#reading = reading;
    this.result = {
      store: reading.store.name,
      rows: 0,
      embeddings: [],
      poisonedLinks: 0,
      danglingLinks: 0,
      badWeights: 0,
      unparsable: new Map(),
      caseOnly: 0,
    };
  }

  /** Memories first, since links are judged by them. */
  tables(): string[] {
    const first = this.#reading.tables.filter((table) => table === 'patterns');
    return [...first, ...this.#reading.tables.filter((table) => table !== 'patterns')];
  }

  add({ table, key, row }: V1Row): void {
    this.result.rows += 1;
    this.#addJson(table, row);
    if (table === 'patterns') this.#addId(textOf(row['id']));
    if (table === 'pattern_links') this.#addLink(key, row);
    const column = ['vector', 'embedding'].find((name) => row[name] !== undefined);
    if (column !== undefined) this.#addVector(table, row[column] ?? null);
  }

  #addJson(table: string, row: Row): void {
    if (this.#reading.store.format.endsWith('-json')) return;
    const isBroken = JSON_COLUMNS.some((column) => {
      const value = row[column];
      return value instanceof Uint8Array || (typeof value === 'string' && !isJson(value, column));
    });
    if (!isBroken) return;
    this.result.unparsable.set(table, (this.result.unparsable.get(table) ?? 0) + 1);
  }

  #addId(id: string): void {
    if (this.#ids === undefined) return;
    if (this.#ids.size >= KEYS_COMPARED_MAX) {
      this.#ids = undefined;
      this.#lowered.clear();
      return;
    }
    this.#ids.add(id);
    const lowered = id.toLowerCase();
    if (this.#lowered.has(lowered)) this.result.caseOnly += 1;
    this.#lowered.add(lowered);
  }

  #addLink(key: string, row: Row): void {
    const { src_id: from, dst_id: to, weight } = row;
    if (this.#reading.isPoisonedLink(key)) {
      this.result.poisonedLinks += 1;
      return;
    }
    const ids = this.#ids;
    const isKnown = (end: Row[string] | undefined): boolean => ids?.has(textOf(end)) ?? true;
    if (!isKnown(from) || !isKnown(to)) this.result.danglingLinks += 1;
    if (typeof weight !== 'number' || !(weight >= 0 && weight <= 1)) this.result.badWeights += 1;
  }

  #addVector(table: string, value: Row[string]): void {
    let counts = this.#embeddings.get(table);
    if (counts === undefined) {
      const none = { hash384: 0, hash1024: 0, agentdbHash: 0, noVector: 0, other: 0 };
      counts = { table, ...none, dimensions: new Map() };
      this.#embeddings.set(table, counts);
      this.result.embeddings.push(counts);
    }
    const vector = this.#vectorOf(value);
    if (vector === undefined) {
      counts.noVector += 1;
      return;
    }
    const { length } = vector;
    counts.dimensions.set(length, (counts.dimensions.get(length) ?? 0) + 1);
    const origin = originOf(vector);
    if (origin === 'agentdb-hash') counts.agentdbHash += 1;
    else if (origin === 'no-vector') counts.noVector += 1;
    else if (origin === 'other') counts.other += 1;
    else if (length === 1024) counts.hash1024 += 1;
    else counts.hash384 += 1;
  }

  /** Schema B keeps float64, all others float32. */
  #vectorOf(value: Row[string]): Float32Array | Float64Array | undefined {
    const bytesEach = this.#reading.store.format === 'B' ? 8 : 4;
    if (!(value instanceof Uint8Array) || value.length === 0) return undefined;
    if (value.length % bytesEach !== 0) return undefined;
    if (bytesEach === 4) return vectorOfBytes(value);
    return new Float64Array(Uint8Array.from(value).buffer);
  }
}

function isJson(text: string, column: string): boolean {
  // Tags may be a text of words as well.
  if (column === 'tags' && !/^\s*[[{]/.test(text)) return true;
  try {
    const value: unknown = JSON.parse(text);
    return column !== 'pattern_data' || (typeof value === 'object' && value !== null);
  } catch {
    return false;
  }
}

/** Finds keys that tables of the same name in different stores share. */
class SharedKeys {
  /** Whether there were more keys than are compared. */
  isCut = false;
  readonly #compared: ReadonlySet<string>;
  readonly #owners = new Map<string, { readonly store: string; readonly hash: string }>();
  readonly #collisions = new Map<string, Collision>();

  constructor(readings: readonly V1Reading[]) {
    const seen = new Map<string, number>();
    for (const { tables } of readings) {
      for (const table of tables) seen.set(table, (seen.get(table) ?? 0) + 1);
    }
    const shared = [...seen].filter(([table, count]) => count > 1 && !NOT_COMPARED.test(table));
    this.#compared = new Set(shared.map(([table]) => table));
  }

  get collisions(): Collision[] {
    return [...this.#collisions.values()];
  }

  add(store: string, { table, key, row }: V1Row): void {
    if (!this.#compared.has(table)) return;
    const place = `${table}${KEY_SEPARATOR}${key}`;
    const hash = createHash('sha256').update(packRow(row)).digest('base64').slice(0, 16);
    const owner = this.#owners.get(place);
    if (owner === undefined) {
      this.isCut ||= this.#owners.size >= KEYS_COMPARED_MAX;
      if (!this.isCut) this.#owners.set(place, { store, hash });
      return;
    }
    if (owner.store === store) return;
    const name = [table, owner.store, store].join(KEY_SEPARATOR);
    const collision: Collision = this.#collisions.get(name) ?? {
      table,
      stores: [owner.store, store],
      same: 0,
      different: 0,
    };
    if (owner.hash === hash) collision.same += 1;
    else collision.different += 1;
    this.#collisions.set(name, collision);
  }
}
