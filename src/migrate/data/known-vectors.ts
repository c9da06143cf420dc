/** Vectors of texts that a run made before v1 changed, kept by the hash of the text for the next run. */
import { Database } from '../../memory/database.js';
import { vectorOfBytes } from '../../memory/vector-bytes.js';

export class KnownVectors {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  static open(path: string): KnownVectors {
    const database = Database.open(path, { create: true });
    try {
      database.useWriteAheadLog();
      database.exec(
        `CREATE TABLE IF NOT EXISTS known (text_hash TEXT, model TEXT, vector BLOB NOT NULL,
           PRIMARY KEY (text_hash, model)) WITHOUT ROWID`,
      );
      return new KnownVectors(database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** All vectors of a store that is about to go. */
  takeFrom(store: Database): void {
    this.#database.transaction(() => {
      const rows = store.iterate('SELECT text_hash, model, vector FROM vectors');
      for (const [hash = null, model = null, vector = null] of rows) {
        this.#database.run('INSERT OR IGNORE INTO known VALUES (?, ?, ?)', hash, model, vector);
      }
    });
  }

  find(hash: string, model: string): Float32Array | undefined {
    const sql = 'SELECT vector FROM known WHERE text_hash = ? AND model = ?';
    const bytes = this.#database.get(sql, hash, model)?.[0];
    return bytes instanceof Uint8Array ? vectorOfBytes(bytes) : undefined;
  }

  close(): void {
    this.#database.close();
  }
}
