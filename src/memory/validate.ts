/** Compares a v1 store with the v2 store made from it: every row, what users read, what searches find. */
import { Checksums, Differences, type NamedRow } from './checksums.js';
import { embeddingText } from './command.js';
import type { Embedder, MemoryEngine, SearchHit } from './engine.js';
import { MemoryError } from './errors.js';
import { MISMATCHES_LISTED_MAX, SEARCH_HITS_MAX } from './limits.js';
import { META_TABLE, OUTCOMES_TABLE } from './log-position.js';
import { Pace } from './pace.js';
import { REASON_TEXTS } from './quarantine.js';
import { StoreDump } from './store-dump.js';
import { edgeOfRow } from './v1-file.js';
import { decodePattern } from './v1-pattern.js';
import { OWN_PREFIX } from './v1-schema.js';

export interface ValidationOptions {
  /** Memories whose own text must find them; spread evenly over the store. */
  readonly sampleQueries: number;
  readonly embedder: Embedder;
  readonly signal?: AbortSignal;
}

/** Rows of one kind on both sides; `v1` is always `v2 + quarantined` when all is well. */
export interface TableCount {
  readonly v1: number;
  readonly v2: number;
  readonly quarantined: number;
}

export interface ValidationReport {
  /** No mismatch at all. */
  readonly ok: boolean;
  /** Both stores were compared at this log index. */
  readonly appliedIndex: number;
  readonly counts: Readonly<Record<string, TableCount>>;
  /** Rows refused by v2, by reason. */
  readonly quarantine: Readonly<Record<string, number>>;
  readonly queries: number;
  /** Queries whose memory came first, or level with the first. */
  readonly queriesFound: number;
  /** What differs, in sentences; the first few of `mismatchCount`. */
  readonly mismatches: readonly string[];
  readonly mismatchCount: number;
}

/** Scores this close count as level: the same text in another batch differs by about as much. */
const LEVEL_SCORE = 0.01;
const HITS_PER_QUERY = 10;
/** Kinds under which users' views of the rows are compared, beside the raw tables. */
const MEMORIES = 'memories as read';
const EDGES = 'links as read';

/**
 * Throws the reason of the signal, `embedder`, and `invalid` if the two stores are not at one index
 * when it begins; both may go on taking writes while it runs.
 */
export async function validateStores(
  v1: MemoryEngine,
  v2: MemoryEngine,
  options: ValidationOptions,
): Promise<ValidationReport> {
  const first = storeDump(v1);
  let second: StoreDump | undefined;
  try {
    second = storeDump(v2);
    if (first.appliedIndex !== second.appliedIndex) {
      throw new MemoryError(
        'invalid',
        `the v1 store is at log index ${first.appliedIndex}, the v2 store at ${second.appliedIndex}`,
      );
    }
    return await new Validation(first, second, v2, options).run();
  } finally {
    first.close();
    second?.close();
  }
}

function storeDump(engine: MemoryEngine): StoreDump {
  const dump = engine.dump();
  if (!(dump instanceof StoreDump)) {
    dump.close();
    throw new MemoryError('invalid', `the ${engine.version} store cannot be validated`);
  }
  return dump;
}

class Validation {
  readonly #v1: StoreDump;
  readonly #v2: StoreDump;
  readonly #engine: MemoryEngine;
  readonly #options: ValidationOptions;
  readonly #pace: Pace;
  readonly #mismatches: string[] = [];
  #mismatchCount = 0;

  constructor(v1: StoreDump, v2: StoreDump, engine: MemoryEngine, options: ValidationOptions) {
    this.#v1 = v1;
    this.#v2 = v2;
    this.#engine = engine;
    this.#options = options;
    this.#pace = new Pace(options.signal);
  }

  async run(): Promise<ValidationReport> {
    const first = await this.#sum(rowsOfV1(this.#v1));
    const second = await this.#sum(rowsOfV2(this.#v2));
    const buckets = first.differingBuckets(second);
    if (buckets.size > 0) await this.#listDifferences(buckets);
    const { counts, quarantine } = await this.#countAll();
    const { queries, found } = await this.#trySamples(counts['memories']?.v2 ?? 0);
    return {
      ok: this.#mismatchCount === 0,
      appliedIndex: this.#v1.appliedIndex,
      counts,
      quarantine,
      queries,
      queriesFound: found,
      mismatches: this.#mismatches,
      mismatchCount: this.#mismatchCount,
    };
  }

  #mismatch(sentence: string): void {
    this.#mismatchCount += 1;
    if (this.#mismatches.length < MISMATCHES_LISTED_MAX) this.#mismatches.push(sentence);
  }

  async #sum(rows: Iterable<NamedRow>): Promise<Checksums> {
    const sums = new Checksums();
    for (const row of rows) {
      sums.add(row);
      if (this.#pace.isDue) await this.#pace.pause();
    }
    return sums;
  }

  async #listDifferences(buckets: ReadonlySet<number>): Promise<void> {
    const differences = new Differences(buckets);
    for (const row of rowsOfV1(this.#v1)) {
      differences.add(row, 'first');
      if (this.#pace.isDue) await this.#pace.pause();
    }
    for (const row of rowsOfV2(this.#v2)) {
      differences.add(row, 'second');
      if (this.#pace.isDue) await this.#pace.pause();
    }
    for (const { row, side } of differences.list()) {
      const where = side === 'first' ? 'only in v1' : 'only in v2';
      this.#mismatch(`${row.table}: a row is ${where}: ${excerpt(row.value)}`);
    }
  }

  async #countAll(): Promise<Pick<ValidationReport, 'counts' | 'quarantine'>> {
    const counts: Record<string, TableCount> = {};
    const quarantine: Record<string, number> = {};
    const refused = new Map<string, number>();
    for (const { table, reason } of this.#v2.quarantined()) {
      refused.set(table, (refused.get(table) ?? 0) + 1);
      quarantine[reason] = (quarantine[reason] ?? 0) + 1;
      if (!(reason in REASON_TEXTS)) this.#mismatch(`${table}: no such reason: ${reason}`);
      if (this.#pace.isDue) await this.#pace.pause();
    }
    const compare = async (
      name: string,
      table: string,
      v1: Iterable<unknown>,
      v2: Iterable<unknown>,
    ): Promise<void> => {
      const quarantined = refused.get(table) ?? 0;
      const entry = { v1: await this.#count(v1), v2: await this.#count(v2), quarantined };
      counts[name] = entry;
      if (entry.v1 === entry.v2 + quarantined) return;
      this.#mismatch(
        `${name}: ${entry.v1} in v1 but ${entry.v2} in v2 and ${quarantined} quarantined`,
      );
    };
    await compare('memories', 'patterns', this.#v1.memories(), this.#v2.memories());
    await compare('links', 'pattern_links', this.#v1.edges(), this.#v2.edges());
    return { counts, quarantine };
  }

  async #count(rows: Iterable<unknown>): Promise<number> {
    const iterator = rows[Symbol.iterator]();
    let sum = 0;
    while (iterator.next().done !== true) {
      sum += 1;
      if (this.#pace.isDue) await this.#pace.pause();
    }
    return sum;
  }

  async #trySamples(memories: number): Promise<{ queries: number; found: number }> {
    const { sampleQueries, embedder } = this.#options;
    const stride = Math.max(1, Math.floor(memories / Math.max(1, sampleQueries)));
    const samples: { id: string; text: string }[] = [];
    let position = 0;
    for (const { id, content, metadata } of this.#v2.memories()) {
      if (samples.length >= sampleQueries) break;
      const text = embeddingText(content, metadata);
      // A text without a word cannot be told from any other by its vector.
      if (position % stride === 0 && /[\p{L}\p{N}]/u.test(text)) samples.push({ id, text });
      position += 1;
      if (this.#pace.isDue) await this.#pace.pause();
    }
    const vectors = await embedder.embed(
      samples.map(({ text }) => text),
      'background',
    );
    let found = 0;
    for (const [i, { id, text }] of samples.entries()) {
      const values = vectors[i];
      const vector = values === undefined ? null : { model: embedder.model, values };
      const isFoundWithin = (limit: number): boolean =>
        this.#isFound(id, text, this.#engine.search({ text, vector, limit }));
      // Many memories may begin with the same words, more than the model reads: then all are level.
      if (isFoundWithin(HITS_PER_QUERY) || isFoundWithin(SEARCH_HITS_MAX)) found += 1;
      else this.#mismatch(`search: the text of memory ${id} does not find it first`);
      await this.#pace.pause();
    }
    return { queries: samples.length, found };
  }

  #isFound(id: string, text: string, hits: readonly SearchHit[]): boolean {
    const best = hits[0]?.score ?? 0;
    const level = hits.filter(({ score }) => score >= best - LEVEL_SCORE);
    const isEqual = (hit: SearchHit): boolean =>
      hit.id === id || embeddingText(hit.content, hit.metadata) === text;
    if (level.some(isEqual)) return true;
    // Another write may have replaced the memory since the comparison began.
    const now = this.#engine.get(id);
    return now !== undefined && embeddingText(now.content, now.metadata) !== text;
  }
}

/** The rows of a v1 dump, raw and as users read them. */
function* rowsOfV1(dump: StoreDump): IterableIterator<NamedRow> {
  yield* rawRows(dump);
  for (const value of dump.memories()) yield { table: MEMORIES, value };
  for (const value of dump.edges()) yield { table: EDGES, value };
}

/** The rows of a v2 dump; what users read is completed by what is in quarantine. */
function* rowsOfV2(dump: StoreDump): IterableIterator<NamedRow> {
  yield* rawRows(dump);
  for (const value of dump.memories()) yield { table: MEMORIES, value };
  for (const value of dump.edges()) yield { table: EDGES, value };
  for (const { table, row } of dump.quarantined()) {
    if (table === 'patterns') {
      yield { table: MEMORIES, value: decodePattern(row).memory };
    } else {
      yield { table: EDGES, value: edgeOfRow(row) };
    }
  }
}

/** Everything that travels, but for what is about the file and not about its content. */
function* rawRows(dump: StoreDump): IterableIterator<NamedRow> {
  for (const { table, row } of dump.records()) {
    const isContent = !table.startsWith(OWN_PREFIX) || table === OUTCOMES_TABLE;
    if (isContent && table !== META_TABLE) yield { table, value: row };
  }
}

function excerpt(value: unknown): string {
  return JSON.stringify(value, (_key, held: unknown) =>
    typeof held === 'bigint' ? String(held) : held,
  ).slice(0, 120);
}
