/** A dump as both engines make it: a second connection in one read transaction. */
import { Database } from './database.js';
import type { DumpRecord, Edge, EngineDump, Memory } from './engine.js';
import { assert } from './errors.js';
import type { Row } from './exact-row.js';
import { LogPosition } from './log-position.js';
import type { QuarantineReason } from './quarantine.js';

/** A row that v2 refused, as it was in v1. */
export interface QuarantinedRow {
  readonly table: string;
  readonly reason: QuarantineReason;
  readonly row: Row;
}

/** What the engine reads from the connection of a dump. */
export interface DumpReader {
  records(database: Database): IterableIterator<DumpRecord>;
  /** Ids of the memories, in any order. */
  ids(database: Database): IterableIterator<string>;
  memories(database: Database): IterableIterator<Memory>;
  edges(database: Database): IterableIterator<Edge>;
  quarantined(database: Database): IterableIterator<QuarantinedRow>;
}

/**
 * A dump that can also be read as users see the store, for validation. Each method may be called
 * several times. Memory stays that of one row; the writer goes on meanwhile, only its log cannot be
 * reset until the dump is closed.
 */
export class StoreDump implements EngineDump {
  readonly appliedIndex: number;
  readonly #database: Database;
  readonly #reader: DumpReader;
  #isOpen = true;

  constructor(path: string, reader: DumpReader) {
    this.#database = Database.open(path, { readOnly: true });
    this.#reader = reader;
    try {
      this.#database.exec('BEGIN');
      // The first read fixes the snapshot; the index is part of it.
      this.appliedIndex = new LogPosition(this.#database).appliedIndex;
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  records(): IterableIterator<DumpRecord> {
    return this.#reader.records(this.#openDatabase());
  }

  ids(): IterableIterator<string> {
    return this.#reader.ids(this.#openDatabase());
  }

  memories(): IterableIterator<Memory> {
    return this.#reader.memories(this.#openDatabase());
  }

  edges(): IterableIterator<Edge> {
    return this.#reader.edges(this.#openDatabase());
  }

  quarantined(): IterableIterator<QuarantinedRow> {
    return this.#reader.quarantined(this.#openDatabase());
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#database.close();
  }

  #openDatabase(): Database {
    assert(this.#isOpen, 'a dump is read before it is closed');
    return this.#database;
  }
}
