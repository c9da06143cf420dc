/**
 * Vectors in a file beside the stores, so that the next staging need not make them again: those that a
 * staging has made so far, in case it is killed, and those of a store that a way back discards. Nobody
 * waits for the disk: what a power cut leaves of a row is known by its checksum and counts for nothing. A
 * file of no use is removed, and what the file cannot take is made once more.
 */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';

import { isUseless } from './cache-file.js';
import { Database, type SqlValue } from './database.js';
import { isOperational, memoryError } from './errors.js';
import { KEPT_VECTORS_PER_PIECE } from './limits.js';
import { nextTurn } from './pace.js';
import { bytesOfVector, vectorOfBytes } from './vector-bytes.js';

/** Version of the file, in its `user_version`; files of another one are removed. */
const FILE_VERSION = 2;

const TABLE = `CREATE TABLE IF NOT EXISTS made_vectors (
  text_hash TEXT NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL, checksum BLOB NOT NULL,
  PRIMARY KEY (text_hash, model)
)`;

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
    const sql = `SELECT vector, checksum FROM made_vectors WHERE text_hash = ? AND model = ?`;
    const row = this.#quietly(() => this.#database?.get(sql, hash, this.#model)) ?? [];
    const [bytes, checksum] = row;
    if (!(bytes instanceof Uint8Array) || !(checksum instanceof Uint8Array)) return undefined;
    if (!checksumOf(hash, this.#model, bytes).equals(checksum)) return undefined;
    return bytes.byteLength % 4 === 0 ? vectorOfBytes(bytes) : undefined;
  }

  /** Remembers vectors; they survive a killed process. */
  put(vectors: Iterable<readonly [hash: string, vector: Float32Array]>): void {
    this.#quietly(() =>
      this.#database?.transaction(() => {
        for (const [hash, vector] of vectors) {
          if (this.#database === undefined) return;
          putRow(this.#database, hash, this.#model, bytesOfVector(vector));
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

/**
 * Copies the vectors of a v2 store, which nobody may have open, into such a file, in short pieces. False
 * if `isStopping` ended it before all was copied.
 */
export async function keepVectors(
  store: string,
  path: string,
  isStopping: () => boolean,
): Promise<boolean> {
  let from: Database | undefined;
  let to: Database | undefined;
  try {
    from = Database.open(store);
    to = openFile(path);
    for (let after: SqlValue | undefined = 0; after !== undefined;) {
      if (isStopping()) return false;
      after = copyPiece(from, to, after);
      await nextTurn();
    }
  } catch (error) {
    if (!isOperational(error)) throw error;
  } finally {
    from?.close();
    to?.close();
  }
  return true;
}

/** Copies what follows a row; the last row of it, undefined at the end. */
function copyPiece(from: Database, to: Database, after: SqlValue): SqlValue | undefined {
  const rows = from.all(
    `SELECT rowid, text_hash, model, vector FROM vectors WHERE rowid > ? ORDER BY rowid LIMIT ?`,
    after,
    KEPT_VECTORS_PER_PIECE,
  );
  to.transaction(() => {
    for (const [, hash, model, bytes] of rows) {
      if (bytes instanceof Uint8Array) putRow(to, String(hash), String(model), bytes);
    }
  });
  return rows.at(-1)?.[0];
}

function putRow(database: Database, hash: string, model: string, bytes: Uint8Array): void {
  const sql = `INSERT OR REPLACE INTO made_vectors VALUES (?, ?, ?, ?)`;
  database.run(sql, hash, model, bytes, checksumOf(hash, model, bytes));
}

function checksumOf(hash: string, model: string, bytes: Uint8Array): Buffer {
  return createHash('sha256').update(`${hash} ${model} `).update(bytes).digest();
}

/** Removes such a file. */
function removeMadeVectors(path: string): void {
  for (const suffix of ['', '-journal']) rmSync(path + suffix, { force: true });
}

function openFile(path: string): Database {
  const database = Database.open(path, { create: true });
  try {
    const version = database.number('PRAGMA user_version');
    if (version !== FILE_VERSION && version !== 0) throw memoryError('not-a-database', path);
    database.exec('PRAGMA synchronous = OFF');
    database.exec(TABLE);
    database.exec(`PRAGMA user_version = ${FILE_VERSION}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
