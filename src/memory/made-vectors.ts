/**
 * The vectors that a staging has made so far, in a file beside it, so that a staging that was killed need
 * not make them again. A file of no use is removed, and what the file cannot take is made once more.
 */
import { rmSync } from 'node:fs';

import { isUseless } from './cache-file.js';
import { Database } from './database.js';
import { isOperational, memoryError } from './errors.js';
import { bytesOfVector, vectorOfBytes } from './vector-bytes.js';

/** Version of the file, in its `user_version`; files of another one are removed. */
const FILE_VERSION = 1;

const TABLE = `CREATE TABLE IF NOT EXISTS made_vectors (
  text_hash TEXT NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (text_hash, model)
) WITHOUT ROWID`;

/** A cache of vectors by the SHA-256 of their text, for one model. */
export class MadeVectors {
  readonly #path: string;
  readonly #model: string;
  #database: Database | undefined;

  /** Opens the file, or begins one. One that cannot be used at all is done without. */
  constructor(path: string, model: string) {
    this.#path = path;
    this.#model = model;
    const open = (): Database | undefined => this.#quietly(() => openFile(path));
    // The first try removes a file of no use.
    this.#database = open() ?? open();
  }

  /** The vector of a text, undefined if it was not made. */
  get(hash: string): Float32Array | undefined {
    const sql = `SELECT vector FROM made_vectors WHERE text_hash = ? AND model = ?`;
    const bytes = this.#quietly(() => this.#database?.get(sql, hash, this.#model)?.[0]);
    return bytes instanceof Uint8Array && bytes.byteLength % 4 === 0
      ? vectorOfBytes(bytes)
      : undefined;
  }

  /** Remembers vectors; they survive a killed process and a power cut. */
  put(vectors: Iterable<readonly [hash: string, vector: Float32Array]>): void {
    const sql = `INSERT OR REPLACE INTO made_vectors VALUES (?, ?, ?)`;
    this.#quietly(() =>
      this.#database?.transaction(() => {
        for (const [hash, vector] of vectors) {
          this.#database?.run(sql, hash, this.#model, bytesOfVector(vector));
        }
      }),
    );
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  /** Closes it and removes the file: the vectors are in a finished store. */
  remove(): void {
    this.close();
    removeMadeVectors(this.#path);
  }

  /** What fails here costs time, not the staging; the file is not asked any more. */
  #quietly<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!isOperational(error)) throw error;
      this.close();
      if (isUseless(error)) removeMadeVectors(this.#path);
      return undefined;
    }
  }
}

/** Removes such a file. */
export function removeMadeVectors(path: string): void {
  for (const suffix of ['', '-journal']) rmSync(path + suffix, { force: true });
}

function openFile(path: string): Database {
  const database = Database.open(path, { create: true });
  try {
    const version = database.number('PRAGMA user_version');
    if (version !== FILE_VERSION && version !== 0) throw memoryError('not-a-database', path);
    database.exec(TABLE);
    database.exec(`PRAGMA user_version = ${FILE_VERSION}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
