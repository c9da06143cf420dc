/** Writes records, edges and what is still to be embedded into the file of a store. */
import { createHash } from 'node:crypto';

import { type Database } from '../../memory/database.js';
import { memoryKey } from '../../memory/memory-key.js';
import { EXPIRY_TABLE } from '../../memory/expiry.js';
import { bodyOf, contentOf as storedContent } from '../../memory/v2-file.js';
import { carriedId } from './names.js';
import type { Placed } from './placements/placement.js';

/** Records that wait for their vector; gone when a migration is done. */
export const PENDING_TABLE = 'agentic_flow_migration_pending';

/** A record or edge that is in the store now. */
export interface Written {
  readonly target: string;
  /** Hash of what the store has there. */
  readonly made: string;
}

/** Of an edge as the store has it. */
export interface PlacedEdge {
  readonly from: string;
  readonly to: string;
  readonly relation: string;
  readonly weight: number;
  readonly createdAtMs: number;
}

export class StoreWriter {
  readonly #database: Database;
  #lastRecord: number;

  constructor(database: Database) {
    this.#database = database;
    database.exec(`CREATE TABLE IF NOT EXISTS ${PENDING_TABLE} (seq INTEGER PRIMARY KEY)`);
    this.#lastRecord = database.number('SELECT max(seq) FROM records');
  }

  /**
   * Adds a record. An equal one with this id is the same record; where another one has the id, it becomes
   * `ID@STORE`, and should that be taken too, `ID@STORE/TABLE` and then one with a hash.
   */
  addRecord(
    placed: Placed,
    { store, table, hash }: Record<'store' | 'table' | 'hash', string>,
  ): Written {
    const { id, namespace } = placed;
    const others = [`${id}@${store}`, `${id}@${store}/${table}`, `${id}@${store}/${table}~${hash}`];
    const first = this.#tryRecord(placed, memoryKey(namespace, id));
    if (first !== undefined) return first;
    for (const other of others) {
      const metadata = { v1_id: id, ...placed.metadata };
      const key = memoryKey(namespace, carriedId(namespace, other));
      const written = this.#tryRecord({ ...placed, metadata }, key);
      if (written !== undefined) return written;
    }
    // The last name holds a hash of the row: who has it is the row itself, as a user changed it.
    const target = memoryKey(namespace, carriedId(namespace, others[2] ?? id));
    return { target, made: '' };
  }

  /** Undefined where another record has the key. */
  #tryRecord(placed: Placed, key: string): Written | undefined {
    const body = storedBody(placed);
    const made = recordHash(body, placed.createdAtMs, placed.expiresAtMs);
    const seq = this.#lastRecord + 1;
    const isNew = this.#database.run(
      `INSERT INTO records (seq, id, body, created_at_ms, unparsable, v1_row)
       VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT (id) DO NOTHING`,
      seq,
      key,
      body,
      placed.createdAtMs,
      placed.isUnparsable ? 1 : 0,
    );
    if (isNew === 0) return this.recordMade(key) === made ? { target: key, made } : undefined;
    this.#lastRecord = seq;
    this.#setExpiry(key, placed.expiresAtMs);
    if (placed.isEmbedded) this.#await(seq);
    return { target: key, made };
  }

  /** Hash of the record that the store has now; undefined if it has none. */
  recordMade(key: string): string | undefined {
    const row = this.#database.get(
      `SELECT r.body, r.created_at_ms, e.expires_at_ms FROM records r
       LEFT JOIN ${EXPIRY_TABLE} e ON e.id = r.id WHERE r.id = ?`,
      key,
    );
    if (row === undefined) return undefined;
    const [body, createdAtMs, expiresAtMs = null] = row;
    return recordHash(
      String(body),
      Number(createdAtMs),
      expiresAtMs === null ? null : Number(expiresAtMs),
    );
  }

  /** Undefined if there is no such record. */
  createdAtOf(key: string): number | undefined {
    const row = this.#database.get('SELECT created_at_ms FROM records WHERE id = ?', key);
    return row === undefined ? undefined : Number(row[0]);
  }

  /** Text of the record; undefined if there is none. */
  contentOf(key: string): string | undefined {
    const row = this.#database.get('SELECT body FROM records WHERE id = ?', key);
    return storedContent(row?.[0])?.[0];
  }

  /** What `recordMade` would give for this record. */
  hashOf({ content, metadata, createdAtMs, expiresAtMs }: Placed): string {
    return recordHash(storedBody({ content, metadata, expiresAtMs }), createdAtMs, expiresAtMs);
  }

  /** Another text of a record that is there. */
  replaceRecord(key: string, placed: Placed): Written {
    const body = storedBody(placed);
    this.#database.run(
      'UPDATE records SET body = ?, created_at_ms = ?, unparsable = ? WHERE id = ?',
      body,
      placed.createdAtMs,
      placed.isUnparsable ? 1 : 0,
      key,
    );
    this.#database.run('DELETE FROM vectors WHERE id = ?', key);
    this.#setExpiry(key, placed.expiresAtMs);
    const seq = this.#database.number('SELECT seq FROM records WHERE id = ?', key);
    if (placed.isEmbedded) this.#await(seq);
    return { target: key, made: recordHash(body, placed.createdAtMs, placed.expiresAtMs) };
  }

  /** False where the store has this edge with another weight already. */
  addEdge({ from, to, relation, weight, createdAtMs }: PlacedEdge): boolean {
    const isNew = this.#database.run(
      `INSERT INTO edges (from_id, to_id, relation, weight, created_at_ms, v1_row)
       VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT (from_id, to_id, relation) DO NOTHING`,
      from,
      to,
      relation,
      weight,
      createdAtMs,
    );
    return isNew > 0 || this.edgeWeight(from, to, relation) === weight;
  }

  /** Undefined if there is no such edge. */
  edgeWeight(from: string, to: string, relation: string): number | undefined {
    const row = this.#database.get(
      'SELECT weight FROM edges WHERE from_id = ? AND to_id = ? AND relation = ?',
      from,
      to,
      relation,
    );
    return row === undefined ? undefined : Number(row[0]);
  }

  removeEdge(from: string, to: string, relation: string): void {
    this.#database.run(
      'DELETE FROM edges WHERE from_id = ? AND to_id = ? AND relation = ?',
      from,
      to,
      relation,
    );
  }

  #setExpiry(key: string, expiresAtMs: number | null): void {
    if (expiresAtMs === null) {
      this.#database.run(`DELETE FROM ${EXPIRY_TABLE} WHERE id = ?`, key);
    } else {
      this.#database.run(`REPLACE INTO ${EXPIRY_TABLE} VALUES (?, ?)`, key, expiresAtMs);
    }
  }

  #await(seq: number): void {
    this.#database.run(`INSERT OR IGNORE INTO ${PENDING_TABLE} VALUES (?)`, seq);
  }
}

/** 128 bits of SHA-256 over all of a record but its id and its vector. */
export function recordHash(body: string, createdAtMs: number, expiresAtMs: number | null): string {
  const hash = createHash('sha256').update(`${createdAtMs} ${expiresAtMs ?? 'never'}\n`);
  return hash.update(body).digest('hex').slice(0, 32);
}

type BodyParts = Pick<Placed, 'content' | 'metadata' | 'expiresAtMs'>;

/** The body of a record, as the engine would write it. */
function storedBody({ content, metadata, expiresAtMs }: BodyParts): string {
  return bodyOf({ content, metadata, ...(expiresAtMs === null ? {} : { expiresAtMs }) });
}
