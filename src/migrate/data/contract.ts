/** What the data phase of a migration is given, and what it says afterwards. */
import type { Embedder } from '../../memory/engine.js';
import type { V1Reading } from '../../v1/rows.js';

/** What became of a row of v1. */
export type Outcome =
  /** A record of the store; the target is its key. */
  | 'memory'
  /** An edge of the store; the target names its ends and its type (`edgeTarget`). */
  | 'edge'
  /** An embedding, or a part of an index of embeddings; the target is the key of the record it is of. */
  | 'vector'
  /** Refused, kept in the archive with the reason. */
  | 'quarantined';

/** Why a row is in quarantine. */
export type Reason =
  | 'expired'
  | 'link-without-name'
  | 'link-end-missing'
  | 'link-weight-out-of-range'
  | 'link-from-faulty-consolidation'
  | 'link-twice'
  | 'vector-without-memory'
  | 'no-text'
  | 'too-long'
  | 'changed-on-both-sides';

export interface DataProgress {
  readonly step: 'rows' | 'edges' | 'embed' | 'late';
  readonly done: number;
  readonly total: number;
  /** A second, of this step. */
  readonly rate: number;
}

export interface DataOptions {
  /** In the order of the installation: the first store keeps an id that another has as well. */
  readonly readings: readonly V1Reading[];
  /** A folder for this alone, on the file system of the result. It is made if it is missing. */
  readonly work: string;
  readonly embedder: Embedder;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DataProgress) => void) | undefined;
  /** Milliseconds since 1970; what has expired by then goes to quarantine. Now, unless given. */
  readonly nowMs?: number | undefined;
}

/** Rows of one table of one store; `v1` is always `migrated + quarantined`. */
export interface TableReport {
  /** Name of the store. */
  readonly store: string;
  readonly table: string;
  /** Rows that could be read. */
  readonly v1: number;
  readonly migrated: number;
  readonly quarantined: number;
  /** Rows that are there and cannot be read; in none of the other numbers. */
  readonly lost: number;
  /** Where they go, in words: `memory in default`, `edge`, `vector`. */
  readonly outcome: string;
}

export interface QuarantinedEntry {
  readonly store: string;
  readonly table: string;
  readonly key: string;
  readonly reason: Reason;
  /** The reason in words, with what is particular to this row. */
  readonly sentence: string;
}

/** Foreign keys of one column of a table. */
export interface ReferenceReport {
  readonly store: string;
  readonly table: string;
  readonly column: string;
  /** Rows whose key became an edge, */
  readonly edges: number;
  /** and those whose key leads to no memory; the archive names them. */
  readonly refused: number;
}

export interface DataReport {
  readonly tables: readonly TableReport[];
  /** The first `QUARANTINED_LISTED_MAX`; all of them are in the archive. */
  readonly quarantined: readonly QuarantinedEntry[];
  readonly quarantinedCount: number;
  readonly references: readonly ReferenceReport[];
  /** Records and edges of the store afterwards. */
  readonly records: number;
  readonly edges: number;
  /** Texts that were embedded. */
  readonly embedded: number;
  /** Vectors of v1 that are used as they are. */
  readonly vectorsKept: number;
  /** Vectors that an equal text, or a run that was killed, had already. */
  readonly reused: number;
  /** Rows that `addLateRows` took: new in v1, or changed there. */
  readonly late: number;
  readonly seconds: {
    readonly rows: number;
    readonly embed: number;
    readonly total: number;
  };
}

export interface PlanReport extends DataReport {
  /** Texts that are to be embedded, equal ones once. */
  readonly textsToEmbed: number;
  /** Bytes of the store, without the vectors that are to come, and of the archive. */
  readonly storeBytes: number;
  readonly archiveBytes: number;
  /** Bytes that the vectors will take. */
  readonly vectorBytes: number;
  /** Texts a second, measured with a sample of them; 0 where there is none. */
  readonly embedRate: number;
  /** Seconds that the whole is going to take. */
  readonly estimatedSeconds: number;
}
