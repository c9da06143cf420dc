/** Decides what becomes of a row that v1 may have written after it was migrated. */
import { memoryKey } from '../../memory/memory-key.js';
import type { ArchiveWriter, Fate, KnownRow, SourceRow } from './archive-writer.js';
import { edgeOfTarget, edgeTarget } from './names.js';
import type { PlacedTable } from './placements/index.js';
import type { EdgeTable, MemoryTable, Placed } from './placements/placement.js';
import { type HashedRow, RowWriter, type Source } from './row-writer.js';
import type { StoreWriter } from './store-writer.js';

/** Rows that were refused for want of another, which may have come since. */
const WAITING: ReadonlySet<string | null> = new Set(['link-end-missing', 'vector-without-memory']);

const CHANGED: Fate = {
  outcome: 'quarantined',
  refused: {
    reason: 'changed-on-both-sides',
    sentence: 'changed in v1 after the migration, and in v2 as well; what v2 has stays',
  },
};

export class LateRowWriter {
  readonly #store: StoreWriter;
  readonly #archive: ArchiveWriter;
  readonly #rows: RowWriter;
  readonly #isMirrored: boolean;

  /** `isMirrored`: what v2 writes is written to v1 as well, so that a row may be a record of v2's own. */
  constructor(
    store: StoreWriter,
    archive: ArchiveWriter,
    { nowMs, isMirrored }: { readonly nowMs: number; readonly isMirrored: boolean },
  ) {
    this.#store = store;
    this.#archive = archive;
    this.#rows = new RowWriter(store, archive, nowMs);
    this.#isMirrored = isMirrored;
  }

  /** True if the row is new or has changed. */
  write(source: Source, table: PlacedTable, row: HashedRow): boolean {
    const known = this.#archive.known(source.number, table.table, row.key);
    const same = known.find(({ hash }) => hash === row.hash);
    const line: SourceRow = { ...row, store: source.number };
    if (same !== undefined) return this.#retry(source, table, { row, line, same });
    const before = known.find(({ outcome }) => outcome !== 'quarantined') ?? known.at(-1);
    const mirrored = this.#mirroredRow(source, table, row);
    if (mirrored !== undefined) {
      if (before === undefined) this.#archive.add(line, mirrored);
      else this.#archive.replace(before.seq, line, mirrored);
      return false;
    }
    // An embedding alone is no news: v2 writes it with the memory.
    const isNews = !this.#isMirrored || table.placement.kind !== 'vector';
    if (before === undefined) {
      this.#archive.add(line, this.#newRow(source, table, row));
      return isNews;
    }
    const fate = this.#changedRow(source, table, { row, before });
    if (fate.refused?.reason === 'changed-on-both-sides') this.#archive.add(line, fate);
    else this.#archive.replace(before.seq, line, fate);
    return isNews;
  }

  /** A link whose end has come is one now. */
  #retry(
    source: Source,
    table: PlacedTable,
    { row, line, same }: { row: HashedRow; line: SourceRow; same: KnownRow },
  ): boolean {
    if (same.outcome !== 'quarantined' || !WAITING.has(same.reason)) return false;
    const fate = this.#rows.write(source, table, row);
    if (fate.outcome === 'quarantined') return false;
    this.#archive.replace(same.seq, line, fate);
    return true;
  }

  /**
   * A record that v2 has written to v1 too, or counted a use of: it has the same text there. It stays among what
   * was written since the migration, since v1 does not have it once it is as it was.
   */
  #mirroredRow(source: Source, table: PlacedTable, row: HashedRow): Fate | undefined {
    const { placement } = table;
    if (!this.#isMirrored || placement.kind === 'vector') return undefined;
    if (placement.kind === 'edge') {
      const edge = this.#rows.placeEdge(source, placement, row);
      if ('reason' in edge) return undefined;
      const { from, to, relation, weight } = edge;
      if (this.#store.edgeWeight(from, to, relation) !== weight) return undefined;
      return { outcome: 'edge', target: edgeTarget(from, to, relation), made: '' };
    }
    const placed = this.#rows.place({ ...table, placement }, row);
    if ('reason' in placed) return undefined;
    const target = memoryKey(placed.namespace, placed.id);
    if (this.#store.contentOf(target) !== placed.content) return undefined;
    return { outcome: 'memory', target, made: '' };
  }

  #newRow(source: Source, table: PlacedTable, row: HashedRow): Fate {
    const { placement } = table;
    if (placement.kind === 'memory') {
      const replaced = this.#replacedRow(source, { ...table, placement }, row);
      if (replaced !== undefined) return replaced;
    }
    return this.#rows.write(source, table, row);
  }

  /**
   * Where v1 names a value by a key of its own, another row with the key has taken the place of the one that
   * was migrated.
   */
  #replacedRow(
    source: Source,
    table: PlacedTable & { readonly placement: MemoryTable },
    row: HashedRow,
  ): Fate | undefined {
    if (table.placement.isKeyed !== true) return undefined;
    const placed = this.#rows.place(table, row);
    if ('reason' in placed) return undefined;
    const target = memoryKey(placed.namespace, placed.id);
    const lines = this.#archive.linesOf(target);
    const own = lines.filter(({ store, table: name }) => {
      return store === source.number && name === table.table;
    });
    const last = own.at(-1);
    return last === undefined ? undefined : this.#takeOver(placed, target, last.made);
  }

  /** The record of the target becomes another, unless v2 has changed it. */
  #takeOver(placed: Placed, target: string, made: string | null): Fate {
    const now = this.#store.recordMade(target);
    const wanted = this.#store.hashOf(placed);
    // A run before wrote it, and was killed before the archive had it.
    if (now === wanted) return { outcome: 'memory', target, made: wanted };
    if (now === undefined || now !== made) return CHANGED;
    return { outcome: 'memory', ...this.#store.replaceRecord(target, placed) };
  }

  #changedRow(
    source: Source,
    table: PlacedTable,
    { row, before }: { row: HashedRow; before: KnownRow },
  ): Fate {
    const { placement } = table;
    if (before.target === null || placement.kind === 'vector') {
      return this.#rows.write(source, table, row);
    }
    if (placement.kind === 'edge') return this.#changedEdge(source, placement, { row, before });
    const placed = this.#rows.place({ ...table, placement }, row);
    if ('reason' in placed) return { outcome: 'quarantined', refused: placed };
    // Equal rows of two stores are one record until one of them changes.
    if (this.#isShared(source, { ...table, placement }, before.target)) {
      return this.#rows.write(source, table, row);
    }
    const isRenamed = memoryKey(placed.namespace, placed.id) !== before.target;
    const metadata = isRenamed ? { v1_id: placed.id, ...placed.metadata } : placed.metadata;
    return this.#takeOver({ ...placed, metadata }, before.target, before.made);
  }

  /** Whether a row that is there still is the same record; one whose place was taken does not count. */
  #isShared(
    source: Source,
    { table, placement }: PlacedTable & { readonly placement: MemoryTable },
    target: string,
  ): boolean {
    const lines = this.#archive.linesOf(target);
    const own = lines.filter((line) => line.store === source.number && line.table === table);
    return lines.length > (placement.isKeyed === true ? own.length : 1);
  }

  #changedEdge(
    source: Source,
    placement: EdgeTable,
    { row, before }: { row: HashedRow; before: KnownRow },
  ): Fate {
    const edge = this.#rows.placeEdge(source, placement, row);
    if ('reason' in edge) return { outcome: 'quarantined', refused: edge };
    const old = edgeOfTarget(before.target ?? '[]');
    const target = edgeTarget(edge.from, edge.to, edge.relation);
    const weight = this.#store.edgeWeight(...old);
    if (target === before.target && weight === edge.weight) {
      return { outcome: 'edge', target, made: String(weight) };
    }
    if (weight === undefined || String(weight) !== before.made) return CHANGED;
    this.#store.removeEdge(...old);
    this.#store.addEdge(edge);
    return { outcome: 'edge', target, made: String(edge.weight) };
  }
}
