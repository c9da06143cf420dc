/** The data phase: rows of v1 into a store and an archive, then vectors for what is searched. */
import { createHash, type Hash } from 'node:crypto';

import { removeDatabase } from '../../memory/database.js';
import { translateError } from '../../memory/errors.js';
import { Pace } from '../../memory/pace.js';
import type { LostRows } from '../../v1/rows.js';
import type { DataOptions, DataReport } from './contract.js';
import { Draft, type DraftState, syncDraft } from './draft.js';
import { embedPending } from './embed.js';
import { KeptVectors, VectorCandidates } from './kept-vectors.js';
import { Rate } from './rate.js';
import { writeReferences } from './references.js';
import { reportOf } from './report.js';
import { RowWriter, type Source } from './row-writer.js';
import { countedRows, hashed, sourcesOf, turnsOf } from './sources.js';
import { StoreWriter } from './store-writer.js';
import { join } from 'node:path';

/**
 * Builds `memory.v2.db` and `v1-rows.db` in `work`. Killed at any instant, the next call with the same
 * sources goes on, and ends with the same; with other sources the rows begin anew, and vectors of texts
 * that are still there are kept. Throws what the files throw, `embedder`, and the signal's reason; what is
 * in `work` then is for the next call.
 */
export async function migrateData(options: DataOptions): Promise<DataReport> {
  const { work } = options;
  const startedMs = performance.now();
  options.signal?.throwIfAborted();
  try {
    const { draft, state, sources } = await writeRows(Draft.open(work), options);
    try {
      await draftReferences(draft, state, sources, options);
      const rowsMs = performance.now() - startedMs;
      draft.store.transaction(() => draft.setState({ ...state, phase: 'embed' }));
      const kept = await KeptVectors.judge(draft.store, draft.archive.database, options);
      const { store, vectors: known } = draft;
      const counts = await embedPending({ ...options, store, known, kept, step: 'embed' });
      const embedMs = performance.now() - startedMs - rowsMs;
      KeptVectors.forget(draft.store);
      draft.finish(state, lostOf(sources));
      const seconds = { rows: rowsMs / 1000, embed: embedMs / 1000 };
      const report = reportOf(draft.archive.database, draft.store, sources);
      const total = (performance.now() - startedMs) / 1000;
      return { ...report, ...namesOf(counts), late: 0, seconds: { ...seconds, total } };
    } finally {
      draft.close();
      if (draft.isFinished) {
        removeDatabase(join(work, 'known-vectors.db'));
        syncDraft(work);
      }
    }
  } catch (error) {
    throw translateError(error, work);
  }
}

/** Edges of foreign keys; what a run before has of them is written again. */
export async function draftReferences(
  { store, archive }: Draft,
  { nowMs }: DraftState,
  sources: readonly Source[],
  { signal }: DataOptions,
): Promise<void> {
  const writer = new StoreWriter(store);
  const rows = new RowWriter(writer, archive, nowMs);
  const pace = new Pace(signal);
  await writeReferences(sources, { store, archive, writer, rows, isInUse: false, pace });
}

function namesOf(counts: { embedded: number; kept: number; reused: number }): {
  embedded: number;
  vectorsKept: number;
  reused: number;
} {
  return { embedded: counts.embedded, vectorsKept: counts.kept, reused: counts.reused };
}

/** Complete once all rows were read. */
export function lostOf(sources: readonly Source[]): [store: number, lost: LostRows][] {
  return sources.flatMap(({ number, reading }) => {
    return reading.lost().map((lost): [number, LostRows] => [number, lost]);
  });
}

export interface WrittenRows {
  readonly draft: Draft;
  readonly state: DraftState;
  readonly sources: readonly Source[];
}

/**
 * Writes all rows that the files do not have yet. The rows of a run before are read again and compared by
 * a hash over all of them: where it differs, v1 has changed, and the rows begin anew.
 */
export async function writeRows(draft: Draft, options: DataOptions): Promise<WrittenRows> {
  try {
    for (;;) {
      const before = draft.state();
      const isUsable = before !== undefined && before.model === options.embedder.model;
      if (isUsable || (before === undefined && draft.archive.lastSeq === 0)) {
        const written = await new RowRun(draft, options, before).run();
        if (written !== undefined) return written;
      }
      draft.clear();
    }
  } catch (error) {
    draft.close();
    throw error;
  }
}

class RowRun {
  readonly #draft: Draft;
  readonly #options: DataOptions;
  readonly #before: DraftState | undefined;
  readonly #writer: RowWriter;
  readonly #candidates: VectorCandidates;
  readonly #digest: Hash = createHash('sha256');
  readonly #pace: Pace;
  readonly #rate: Rate;
  readonly #nowMs: number;
  #rows = 0;

  constructor(draft: Draft, options: DataOptions, before: DraftState | undefined) {
    this.#draft = draft;
    this.#options = options;
    this.#before = before;
    this.#nowMs = before?.nowMs ?? options.nowMs ?? Date.now();
    const store = new StoreWriter(draft.store);
    this.#writer = new RowWriter(store, draft.archive, this.#nowMs);
    this.#candidates = new VectorCandidates(draft.store, options.embedder.dimensions);
    this.#pace = new Pace(options.signal);
    const total = countedRows(options.readings);
    this.#rate = new Rate('rows', options.onProgress, { total });
  }

  /** Undefined where v1 is not what it was. */
  async run(): Promise<WrittenRows | undefined> {
    const { archive } = this.#draft;
    archive.cutBehind(this.#before?.rows ?? 0);
    this.#draft.begin();
    const sources = sourcesOf(this.#options.readings, ({ store }) => archive.storeNumber(store));
    for (const source of sources) {
      // Part of what must not change: the number of a store is in every row.
      this.#digest.update(`${source.number} ${source.reading.store.name}\n`);
    }
    let isIndexed = false;
    for (const turn of turnsOf(sources)) {
      if (turn.table.placement.kind !== 'memory' && !isIndexed) {
        archive.indexKeys();
        isIndexed = true;
      }
      if (!(await this.#table(turn.source, turn.table.table))) return this.#leave();
    }
    if (this.#rows < (this.#before?.rows ?? 0)) return this.#leave();
    archive.indexKeys();
    const state = this.#state();
    this.#draft.commit(state);
    this.#rate.end(this.#rows);
    return { draft: this.#draft, state, sources };
  }

  #leave(): undefined {
    this.#draft.rollBack();
    return undefined;
  }

  /** False where a row is not the one that was there before. */
  async #table(source: Source, name: string): Promise<boolean> {
    const table = source.tables.find((each) => each.table === name);
    if (table === undefined) return true;
    for (const read of source.reading.rows(name)) {
      const row = hashed(read);
      this.#digest.update(`${source.number} ${row.hash} ${row.key}\n`);
      this.#rows += 1;
      const rowsBefore = this.#before?.rows ?? 0;
      if (this.#rows > rowsBefore) {
        const fate = this.#writer.write(source, table, row);
        this.#draft.archive.add({ ...row, store: source.number }, fate);
        const { placement } = table;
        if (
          placement.kind === 'vector' &&
          placement.vector !== undefined &&
          fate.target !== undefined
        ) {
          const from = { origin: `${source.number}/${name}`, column: placement.vector };
          const seq = this.#draft.archive.lastSeq;
          this.#candidates.add(fate.target, row.row[placement.vector], { ...from, seq });
        }
        if (this.#draft.isDue()) {
          this.#draft.commit(this.#state());
          this.#draft.begin();
        }
      } else if (this.#rows === rowsBefore && this.#digestNow() !== this.#before?.digest) {
        return false;
      }
      this.#rate.update(this.#rows);
      if (this.#pace.isDue) await this.#pace.pause();
    }
    return true;
  }

  #digestNow(): string {
    return this.#digest.copy().digest('hex');
  }

  #state(): DraftState {
    const { model } = this.#options.embedder;
    const digest = this.#digestNow();
    return { phase: 'rows', rows: this.#rows, digest, nowMs: this.#nowMs, model };
  }
}
