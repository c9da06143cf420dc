/** Collects what a run finds and does. */
import type { Analysis } from './analysis.js';
import type { ConfigPlan } from './config/index.js';
import type { Archive, DataReport, QuarantinedEntry, TableReport } from './data/index.js';
import type { LateRows } from './late-rows.js';
import { QUARANTINED_LISTED_MAX } from './data/limits.js';
import type { v2Files } from './files.js';
import type { MigrationProgress } from './migrate.js';
import type {
  ConfigReport,
  Estimate,
  ExitCode,
  MigrationReport,
  Outcome,
  Phase,
  PhaseName,
} from './report.js';
import type { ReplayValidation } from './validation/replay.js';
import type { RowValidation } from './validation/rows.js';
import type { SearchValidation } from './validation/searches.js';

type Draft = { -readonly [Name in keyof MigrationReport]: MigrationReport[Name] };

export class ReportBuilder {
  readonly #onProgress: ((progress: MigrationProgress) => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #phases: Phase[] = [];
  readonly #draft: Draft;
  /** Files of v1 in which nothing can be read. */
  #unusable = 0;

  constructor(
    directory: string,
    onProgress: ((progress: MigrationProgress) => void) | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.#onProgress = onProgress;
    this.#signal = signal;
    this.#draft = {
      directory,
      outcome: 'failed',
      exitCode: 1,
      phases: this.#phases,
      versions: [],
      stores: [],
      problems: [],
      tables: [],
      quarantined: [],
      quarantinedCount: 0,
      lost: [],
      lateRows: 0,
      config: undefined,
      rows: undefined,
      searches: undefined,
      replay: undefined,
      estimate: undefined,
      store: undefined,
      archive: undefined,
      backup: undefined,
      exported: undefined,
      exportedRecords: undefined,
      error: undefined,
    };
  }

  /** Runs a phase; what it did goes to the report when it succeeds. */
  async phase<T>(
    name: PhaseName,
    work: () => Promise<{ readonly value: T; readonly detail: string }>,
  ): Promise<T> {
    this.#signal?.throwIfAborted();
    const startedMs = performance.now();
    this.#onProgress?.({ phase: name, done: 0, total: 0 });
    const { value, detail } = await work();
    this.#phases.push({ name, seconds: (performance.now() - startedMs) / 1000, detail });
    return value;
  }

  analysed({ installation, unusable }: Analysis): void {
    this.#draft.versions = installation.versions;
    this.#draft.stores = installation.stores;
    this.#draft.problems = installation.problems;
    this.#unusable = unusable.length;
  }

  noticed({ problems }: { readonly problems: readonly string[] }): void {
    this.#draft.problems = [...new Set([...this.#draft.problems, ...problems])];
  }

  backedUp(path: string): void {
    this.#draft.backup = path;
  }

  read(data: DataReport): void {
    this.#draft.tables = data.tables;
    this.#draft.quarantined = data.quarantined;
    this.#draft.quarantinedCount = data.quarantinedCount;
    this.#referred(data.references);
  }

  /** Their rows arrived: only the edge that they ask for has no end. */
  #referred(references: DataReport['references']): void {
    const problems = references
      .filter(({ refused }) => refused > 0)
      .map(({ store, table, column, refused }) => {
        return `${store} ${table}: ${column} of ${refused} rows leads to no memory; v1_references of the archive lists them`;
      });
    this.noticed({ problems });
  }

  /** What an archive keeps of a migration before. */
  refused(archive: Archive): void {
    const quarantined: QuarantinedEntry[] = [];
    for (const entry of archive.quarantine()) {
      if (quarantined.length >= QUARANTINED_LISTED_MAX) break;
      quarantined.push(entry);
    }
    this.#draft.quarantined = quarantined;
    this.#draft.quarantinedCount = archive.count({ outcome: 'quarantined' });
    this.#draft.lost = archive.lost();
  }

  unreadable(lost: MigrationReport['lost']): void {
    this.#draft.lost = lost;
  }

  estimated(estimate: Estimate): void {
    this.#draft.estimate = estimate;
  }

  configured({ changes, notes, quarantined }: ConfigPlan): void {
    const config: ConfigReport = {
      changes: changes.map(({ name, kind, diff }) => ({ name, kind, diff })),
      notes,
      quarantined,
    };
    this.#draft.config = config;
  }

  comparedRows(rows: RowValidation): void {
    this.#draft.rows = rows;
  }

  searched(searches: SearchValidation, replay: ReplayValidation): void {
    this.#draft.searches = searches;
    this.#draft.replay = replay;
  }

  late({ added, report }: Pick<LateRows, 'added' | 'report'>): void {
    this.#draft.lateRows = added;
    if (report === undefined) return;
    this.#referred(report.references);
    // It counts all rows of the stores that it read.
    const tables = new Map([...this.#draft.tables, ...report.tables].map((t) => [keyOf(t), t]));
    const isRead = new Set(report.tables.map(({ store }) => store));
    const others = this.#draft.quarantined.filter(({ store }) => !isRead.has(store));
    this.#draft.tables = [...tables.values()];
    this.#draft.quarantined = [...others, ...report.quarantined].slice(0, QUARANTINED_LISTED_MAX);
    this.#draft.quarantinedCount = this.#draft.tables.reduce((sum, t) => sum + t.quarantined, 0);
  }

  finished({ store, archive }: ReturnType<typeof v2Files>): void {
    this.#draft.store = store;
    this.#draft.archive = archive;
  }

  exported(path: string | undefined, records: number): void {
    this.#draft.exported = path;
    this.#draft.exportedRecords = records;
  }

  /** 2 where not everything of v1 is in the store. */
  exitCode(): ExitCode {
    const { quarantinedCount, lost } = this.#draft;
    return quarantinedCount > 0 || lost.length > 0 || this.#unusable > 0 ? 2 : 0;
  }

  /** Ends a run that changed nothing, or that is done again from where it stopped. */
  fail(error: unknown, rest = ''): MigrationReport {
    const reason = error instanceof Error ? error.message : String(error);
    return this.end(
      this.#signal?.aborted === true ? 'interrupted' : 'failed',
      1,
      `${reason}${rest}`,
    );
  }

  end(outcome: Outcome, exitCode: ExitCode, error?: string): MigrationReport {
    return { ...this.#draft, phases: [...this.#phases], outcome, exitCode, error };
  }
}

function keyOf({ store, table }: TableReport): string {
  return JSON.stringify([store, table]);
}
