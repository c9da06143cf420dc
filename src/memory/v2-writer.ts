/** What changes a v2 store: commands of the log, and the records of a dump. */
import {
  clearBookkeeping,
  dropVerdict,
  dropVerdictsOf,
  hasVerdict,
  restoreBookkeeping,
} from './bookkeeping.js';
import { embeddingText, textHash } from './command.js';
import type { Database } from './database.js';
import type {
  AddEdge,
  ApplyOutcome,
  DeleteEdge,
  DeleteMemory,
  DumpRecord,
  ExpireMemory,
  InsertMemory,
  MemoryCommand,
  ModelVector,
} from './engine.js';
import { EXPIRY_TABLE, putExpiry } from './expiry.js';
import { packRow, type Row, textOf, unpackRow } from './exact-row.js';
import type { GraphChange } from './graph/index.js';
import { isNamed, judgeLink, judgeMemory, type QuarantineReason } from './quarantine.js';
import { decodePattern } from './v1-pattern.js';
import { V1_TABLES } from './v1-schema.js';
import { bodyOf, contentOf } from './v2-file.js';
import { bytesOfVector } from './vector-bytes.js';

/** Whether tables have rows that are empty in most stores; for each insert something is looked up in them. */
interface RareRows {
  readonly kept: boolean;
  readonly quarantined: boolean;
  readonly expiring: boolean;
}

/** Writes into a v2 file; the caller owns the transaction. */
export class V2Writer {
  readonly #database: Database;
  readonly #keys = new Map(V1_TABLES.map(({ name, key }) => [name, key]));

  constructor(database: Database) {
    this.#database = database;
  }

  /** What commands did to the graph since `beginChanges`, also edges that an insert released. */
  #changes: GraphChange[] | undefined;
  /** As of the first insert of a batch: no command but an insert that expires adds such a row. */
  #rare: RareRows | undefined;

  /** Begins a batch, with a new list of what commands do to the graph; it fills as they are applied. */
  beginChanges(): readonly GraphChange[] {
    const changes: GraphChange[] = [];
    this.#changes = changes;
    this.#rare = undefined;
    return changes;
  }

  /** Empties the store before a restore. */
  clear(): void {
    this.#changes = undefined;
    clearBookkeeping(this.#database);
    this.#database.exec(
      `DELETE FROM records; DELETE FROM vectors; DELETE FROM edges; DELETE FROM kept_rows;
       DELETE FROM quarantine; DELETE FROM ${EXPIRY_TABLE}`,
    );
  }

  /** The command has been found valid (`commandProblem`). */
  apply(command: MemoryCommand): ApplyOutcome {
    switch (command.type) {
      case 'insertMemory':
        return this.#insertMemory(command);
      case 'addEdge':
        return this.#addEdge(command);
      case 'deleteMemory':
        return this.#deleteMemory(command);
      case 'expireMemory':
        return this.#expireMemory(command);
      case 'deleteEdge':
        return this.#deleteEdge(command);
    }
  }

  #insertMemory(command: InsertMemory): ApplyOutcome {
    const { id, content, metadata, vector, timestampMs } = command;
    this.#changes?.push({ type: 'addNode', id });
    this.#putRecord(id, bodyOf(command), timestampMs, false, null);
    const rare = (this.#rare ??= this.#rareRows());
    if (command.expiresAtMs !== undefined) this.#rare = { ...rare, expiring: true };
    if (this.#rare.expiring) putExpiry(this.#database, id, command.expiresAtMs);
    this.putVector(id, textHash(embeddingText(content, metadata)), vector);
    // v1 would now hold another embedding, which a dump computes from the command.
    if (rare.kept) this.#forgetV1Embedding(id);
    if (rare.quarantined) this.#release(id);
    return 'ok';
  }

  #rareRows(): RareRows {
    const [kept, quarantined, expiring] = this.#database.get(
      `SELECT EXISTS (SELECT 1 FROM kept_rows), EXISTS (SELECT 1 FROM quarantine),
         EXISTS (SELECT 1 FROM ${EXPIRY_TABLE})`,
    )!;
    return { kept: kept === 1, quarantined: quarantined === 1, expiring: expiring === 1 };
  }

  #addEdge({ from, to, relation, weight, timestampMs }: AddEdge): ApplyOutcome {
    if (!this.#isMemory(from) || !this.#isMemory(to)) return 'missing-endpoint';
    dropVerdict(this.#database, from, to, relation);
    this.#database.run(
      `DELETE FROM quarantine WHERE from_id = ? AND to_id = ? AND relation = ?
         AND reason <> 'link-without-name'`,
      from,
      to,
      relation,
    );
    this.#putEdge(from, to, relation, weight, timestampMs, null);
    return 'ok';
  }

  /** Links in quarantine go as v1's do: they are rows of the memory as well. */
  #deleteMemory({ id }: DeleteMemory): ApplyOutcome {
    if (!this.#isMemory(id)) return 'not-found';
    this.#changes?.push({ type: 'deleteNode', id });
    this.#database.run(`DELETE FROM records WHERE id = ?`, id);
    this.#database.run(`DELETE FROM vectors WHERE id = ?`, id);
    this.#database.run(`DELETE FROM edges WHERE from_id = ? OR to_id = ?`, id, id);
    this.#forgetV1Embedding(id);
    dropVerdictsOf(this.#database, id);
    putExpiry(this.#database, id, undefined);
    const isOfMemory = (row: Row): boolean =>
      isNamed(row, 'src_id', id) || isNamed(row, 'dst_id', id);
    this.#unquarantine(`from_id = ?1 OR to_id = ?1`, [id], isOfMemory);
    return 'ok';
  }

  #expireMemory({ id, timestampMs }: ExpireMemory): ApplyOutcome {
    const row = this.#database.get(`SELECT body FROM records WHERE id = ?`, id);
    const expiresAtMs = contentOf(row?.[0])?.[2];
    if ((expiresAtMs ?? Infinity) <= timestampMs) {
      return this.#deleteMemory({ type: 'deleteMemory', id, timestampMs });
    }
    // The table may name it all the same, if the memory was written by somebody else.
    putExpiry(this.#database, id, expiresAtMs);
    return 'not-found';
  }

  #deleteEdge({ from, to, relation }: DeleteEdge): ApplyOutcome {
    const changed = this.#database.run(
      `DELETE FROM edges WHERE from_id = ? AND to_id = ? AND relation = ?`,
      from,
      to,
      relation,
    );
    this.#changes?.push({ type: 'deleteEdge', from, to, relation });
    dropVerdict(this.#database, from, to, relation);
    const isEdge = (row: Row): boolean =>
      isNamed(row, 'src_id', from) &&
      isNamed(row, 'dst_id', to) &&
      isNamed(row, 'relation', relation);
    const where = `from_id = ?1 AND to_id = ?2 AND relation = ?3`;
    const released = this.#unquarantine(where, [from, to, relation], isEdge);
    return changed > 0 || released > 0 ? 'ok' : 'not-found';
  }

  /** Takes one record of a dump. Links may come before their memories. */
  addRecord(record: DumpRecord): void {
    if (restoreBookkeeping(this.#database, record)) return;
    if (record.table === 'patterns') this.#addPattern(record);
    else if (record.table === 'pattern_links') this.#addLink(record.row);
    else this.#keep(record);
  }

  /** Stores the vector of a memory, or that it has none. */
  putVector(id: string, hash: string, vector: ModelVector | null): void {
    if (vector === null) {
      this.#database.run(`DELETE FROM vectors WHERE id = ?`, id);
      return;
    }
    this.#database.run(
      `INSERT INTO vectors VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
         model = excluded.model, text_hash = excluded.text_hash, vector = excluded.vector`,
      id,
      vector.model,
      hash,
      bytesOfVector(vector.values),
    );
  }

  #addPattern({ row, vector }: DumpRecord): void {
    const reason = judgeMemory(row);
    if (reason !== undefined) {
      this.#quarantine('patterns', reason, row);
      return;
    }
    const { memory, unparsable } = decodePattern(row);
    const { id, content, metadata, createdAtMs } = memory;
    this.#putRecord(id, bodyOf(memory), createdAtMs, unparsable, packRow(row));
    if (memory.expiresAtMs !== undefined) putExpiry(this.#database, id, memory.expiresAtMs);
    if (vector !== undefined) {
      this.putVector(id, textHash(embeddingText(content, metadata)), vector);
    }
    this.#release(id);
  }

  #addLink(row: Row): void {
    const [from, to, relation] = linkKey(row);
    const isPoisoned = hasVerdict(this.#database, from, to, relation);
    const reason = judgeLink(row, (id) => this.#isMemory(id), isPoisoned);
    if (reason !== undefined) this.#quarantine('pattern_links', reason, row);
    else this.#putEdge(from, to, relation, Number(row['weight']), 0, packRow(row));
  }

  /** A link waits for the memory at its end: once that is inserted, v1 has the link and so has v2. */
  #release(id: string): void {
    const waiting = this.#database.all(
      `SELECT seq, row FROM quarantine WHERE from_id = ? AND reason = 'link-end-missing'
       UNION SELECT seq, row FROM quarantine WHERE to_id = ? AND reason = 'link-end-missing'`,
      id,
      id,
    );
    for (const [seq = null, packed = null] of waiting) {
      this.#database.run(`DELETE FROM quarantine WHERE seq = ?`, seq);
      this.#addLink(unpackRow(packed));
    }
  }

  /** Removes links from quarantine; returns how many. */
  #unquarantine(where: string, values: readonly string[], isMeant: (row: Row) => boolean): number {
    const found = this.#database.all(
      `SELECT seq, row FROM quarantine WHERE table_name = 'pattern_links' AND (${where})`,
      ...values,
    );
    const meant = found.filter(([, packed = null]) => isMeant(unpackRow(packed)));
    for (const [seq = null] of meant) {
      this.#database.run(`DELETE FROM quarantine WHERE seq = ?`, seq);
    }
    return meant.length;
  }

  #forgetV1Embedding(id: string): void {
    this.#database.run(
      `DELETE FROM kept_rows WHERE table_name = 'pattern_embeddings' AND row_key = ?`,
      keyText([id]),
    );
  }

  #keep({ table, row }: DumpRecord): void {
    const key = (this.#keys.get(table) ?? []).map((column) => textOf(row[column]));
    this.#database.run(
      `INSERT INTO kept_rows (table_name, row_key, row) VALUES (?, ?, ?)`,
      table,
      keyText(key),
      packRow(row),
    );
  }

  #quarantine(table: string, reason: QuarantineReason, row: Row): void {
    const [from, to, relation] = table === 'pattern_links' ? linkKey(row) : [null, null, null];
    this.#database.run(
      `INSERT INTO quarantine (table_name, reason, from_id, to_id, relation, row)
       VALUES (?, ?, ?, ?, ?, ?)`,
      table,
      reason,
      from,
      to,
      relation,
      packRow(row),
    );
  }

  #isMemory(id: string): boolean {
    return this.#database.get(`SELECT 1 FROM records WHERE id = ?`, id) !== undefined;
  }

  #putRecord(
    id: string,
    body: string,
    createdAtMs: number,
    unparsable: boolean,
    v1Row: Uint8Array | null,
  ): void {
    this.#database.run(
      `INSERT INTO records (id, body, created_at_ms, unparsable, v1_row) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET body = excluded.body, created_at_ms = excluded.created_at_ms,
         unparsable = excluded.unparsable, v1_row = excluded.v1_row`,
      id,
      body,
      createdAtMs,
      unparsable ? 1 : 0,
      v1Row,
    );
  }

  #putEdge(
    from: string,
    to: string,
    relation: string,
    weight: number,
    createdAtMs: number,
    v1Row: Uint8Array | null,
  ): void {
    this.#changes?.push({ type: 'addEdge', from, to, relation, weight });
    this.#database.run(
      `INSERT INTO edges (from_id, to_id, relation, weight, created_at_ms, v1_row)
       VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (from_id, to_id, relation) DO UPDATE SET
         weight = excluded.weight, created_at_ms = excluded.created_at_ms,
         v1_row = excluded.v1_row`,
      from,
      to,
      relation,
      weight,
      createdAtMs,
      v1Row,
    );
  }
}

function linkKey(row: Row): [from: string, to: string, relation: string] {
  return [textOf(row['src_id']), textOf(row['dst_id']), textOf(row['relation'])];
}

/** Key columns as one text that SQLite holds unchanged. */
function keyText(parts: readonly string[]): string {
  return JSON.stringify(parts);
}
