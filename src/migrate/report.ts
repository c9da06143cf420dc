/** What a migration tells its user; `--json` prints it as it is. */
import type { LostRows, V1Store } from '../v1/index.js';
import type { FileChange, QuarantinedConfig } from './config/index.js';
import type { QuarantinedEntry, TableReport } from './data/index.js';
import type { RowValidation } from './validation/rows.js';
import type { SearchValidation } from './validation/searches.js';
import type { ReplayValidation } from './validation/replay.js';

export type PhaseName =
  | 'analysis'
  | 'backup'
  | 'data'
  | 'validation'
  | 'late rows'
  | 'configuration'
  | 'compatibility'
  | 'finish'
  | 'rollback';

export interface Phase {
  readonly name: PhaseName;
  readonly seconds: number;
  readonly detail: string;
}

/** 0: all migrated; 1: failed and rolled back; 2: migrated with quarantined rows; 3: nothing to migrate. */
export type ExitCode = 0 | 1 | 2 | 3;

export type Outcome =
  | 'migrated'
  | 'would-migrate'
  /** Rows that v1 has written since a migration were added. */
  | 'updated'
  | 'already-migrated'
  | 'nothing-to-migrate'
  | 'validated'
  | 'rolled-back'
  /** The user said no. */
  | 'declined'
  /** Stopped by a signal; the same command goes on. */
  | 'interrupted'
  | 'failed';

export interface Estimate {
  /** Texts to embed. */
  readonly texts: number;
  /** From texts of this installation that were embedded to measure it. */
  readonly textsPerSecond: number;
  readonly seconds: number;
  readonly bytesNeeded: number;
  readonly bytesFree: number;
}

export interface ConfigReport {
  readonly changes: readonly Pick<FileChange, 'name' | 'kind' | 'diff'>[];
  /** What has no counterpart in v2 yet. */
  readonly notes: readonly string[];
  readonly quarantined: readonly QuarantinedConfig[];
}

export interface MigrationReport {
  readonly directory: string;
  readonly outcome: Outcome;
  readonly exitCode: ExitCode;
  readonly phases: readonly Phase[];
  /** Releases of v1 that wrote what was found. */
  readonly versions: readonly string[];
  readonly stores: readonly V1Store[];
  /** Compatibility problems of the installation, in sentences. */
  readonly problems: readonly string[];
  readonly tables: readonly TableReport[];
  /** The first of `quarantinedCount`; all are in the archive. */
  readonly quarantined: readonly QuarantinedEntry[];
  readonly quarantinedCount: number;
  /** Rows that are there and cannot be read. */
  readonly lost: readonly (LostRows & { readonly store: string })[];
  /** Rows that v1 wrote while the migration ran. */
  readonly lateRows: number;
  readonly config: ConfigReport | undefined;
  readonly rows: RowValidation | undefined;
  readonly searches: SearchValidation | undefined;
  readonly replay: ReplayValidation | undefined;
  readonly estimate: Estimate | undefined;
  readonly store: string | undefined;
  readonly archive: string | undefined;
  readonly backup: string | undefined;
  /** After a rollback: what was written since the migration, as a file that can be imported. */
  readonly exported: string | undefined;
  readonly exportedRecords: number | undefined;
  readonly error: string | undefined;
}
