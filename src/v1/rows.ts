/** What a v1 installation consists of: stores whose rows are read exactly, and configuration files. */
import type { Row } from '../memory/exact-row.js';
import type { SchemaLetter } from './schemas.js';

export type { Row } from '../memory/exact-row.js';

/** Which program of v1 wrote a store; the first part of the namespace its rows go to. */
export type StoreFamily = 'reasoningbank' | 'agentdb' | 'hive' | 'hub' | 'claude-flow' | 'unknown';

/** A database by its schema, a JSON store by its kind. */
export type StoreFormat = SchemaLetter | 'memory-json' | 'session-json' | 'metrics-json';

export type StoreState =
  | 'ok'
  /** 0 bytes. */
  | 'empty-file'
  /** A sound file without a row. */
  | 'empty'
  | 'not-a-database'
  /** Read row by row around the damage. */
  | 'damaged'
  /** No permission, beyond a bound, or written to without a pause. */
  | 'unreadable';

export interface V1Store {
  /** Absolute. */
  readonly path: string;
  /** How reports and the archive call it: below the directory, as `~/x` in the home, else absolute. */
  readonly name: string;
  readonly family: StoreFamily;
  readonly format: StoreFormat;
  readonly state: StoreState;
  readonly bytes: number;
  /** Bytes of the write-ahead log; what is in there is not in the file yet. */
  readonly walBytes: number;
  /** Rows by table, as far as they can be read. */
  readonly rows: Readonly<Record<string, number>>;
  /** What is wrong, in sentences. */
  readonly findings: readonly string[];
}

/** One row of v1, exact. */
export interface V1Row {
  readonly table: string;
  /**
   * Names the row in its table: its primary key, the columns joined by U+001F; `rowid:N` where that is
   * no text or number. Unique in store and table.
   */
  readonly key: string;
  readonly row: Row;
}

/** Rows that exist and cannot be read. */
export interface LostRows {
  readonly table: string;
  /** As many as are proven to be missing; 0 where rows may be missing and nothing tells how many. */
  readonly count: number;
  readonly reason: string;
}

/** A column that names a row of another table, as the schema of v1 says. */
export interface ForeignKey {
  readonly column: string;
  /** The other table; the column holds the one column of its primary key. */
  readonly table: string;
}

/** A store whose throwaway copy is open. */
export interface V1Reading {
  readonly store: V1Store;
  /** With unknown tables; without SQLite's own, views and shadow tables. */
  readonly tables: readonly string[];
  columns(table: string): readonly string[];
  /** Those of one column; in the order of the columns' names. */
  foreignKeys(table: string): readonly ForeignKey[];
  /** Streams with the memory of one row; reads around damage. */
  rows(table: string): IterableIterator<V1Row>;
  /** Complete after the rows of all tables were read to the end. */
  lost(): readonly LostRows[];
  /** Whether v1's faulty consolidate() drew the link with this key of `pattern_links`. */
  isPoisonedLink(key: string): boolean;
  /** Removes the throwaway copy. */
  close(): void;
}

export type ConfigKind =
  | 'reasoningbank-settings'
  | 'hive-settings'
  | 'hive-roles'
  | 'agent'
  | 'command'
  | 'skill'
  | 'settings'
  | 'helper'
  | 'mcp-servers'
  | 'home-mcp-config'
  | 'router'
  | 'env'
  | 'claude-flow-config';

export interface V1ConfigFile {
  /** Absolute. */
  readonly path: string;
  /** As of a store. */
  readonly name: string;
  readonly kind: ConfigKind;
  readonly bytes: number;
}

export interface V1Installation {
  /** Absolute. */
  readonly directory: string;
  /** Absolute; where files of the home directory were looked for. */
  readonly home: string;
  /** In an order that is always the same, `.swarm/memory.db` first. */
  readonly stores: readonly V1Store[];
  readonly configs: readonly V1ConfigFile[];
  /** What the files say or the schemas prove. */
  readonly versions: readonly string[];
  /** What v1 or the migration stumbles over, in sentences. */
  readonly problems: readonly string[];
}

export interface DiscoverOptions {
  /** Default: the home directory of this user. */
  readonly home?: string;
  /** Default: the environment of this process. */
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Stores looked at. */
  readonly onProgress?: (done: number, total: number) => void;
}
