/**
 * Causal edges of agentdb. An edge of the store has a type and a weight, these have an uplift, evidence and
 * more; so each is a record as well. Those that a migration brought lie in its archive, and become
 * records with the first write.
 */
import { existsSync } from 'node:fs';
import { Database } from '../../memory/database.js';
import type { JsonObject, JsonValue } from '../../memory/engine.js';
import { MemoryError } from '../../memory/errors.js';
import { textOf, unpackRow, type Row } from '../../memory/exact-row.js';
import { linkOperation } from '../../memory/store/records.js';
import type { Operation } from '../../memory/store/operations.js';
import type { Records } from '../records.js';
import { Table, type TableRow } from './table.js';
import { CAUSAL_EDGES } from './tables.js';

/** Namespaces of what an edge may join, by v1's names of their kinds. */
const NAMESPACES: Readonly<Record<string, string>> = {
  episode: 'agentdb/episodes',
  skill: 'agentdb/skills',
  note: 'agentdb/notes',
  fact: 'agentdb/facts',
  event: 'agentdb/events',
  consolidated: 'agentdb/consolidated_memories',
  pattern: 'agentdb/reasoning_patterns',
  concept: 'agentdb/exp_nodes',
};
const RELATION = 'causes';
const JSON_COLUMNS = ['evidence_ids', 'experiment_ids', 'metadata'];
const DONE = 'archived edges are records';
const STATE = 'agentic-flow/compat';

export class CausalEdges {
  readonly #records: Records;
  readonly #table: Table;
  readonly #archive: string;

  constructor(records: Records, archive: string) {
    this.#records = records;
    this.#table = new Table(records, CAUSAL_EDGES);
    this.#archive = archive;
  }

  /** All of them, of the archive as well. */
  *rows(): Generator<TableRow, void> {
    const archived = new Map(this.#archived().map((row) => [String(row['id']), row]));
    for (const row of this.#table.rows()) {
      archived.delete(String(row['id']));
      yield row;
    }
    yield* archived.values();
  }

  get(id: number | string): TableRow | undefined {
    return this.#table.get(id) ?? this.#archived().find((row) => String(row['id']) === String(id));
  }

  count(): number {
    return [...this.rows()].length;
  }

  /** Adds an edge; where both ends are records, the store has it as an edge too. */
  insert(row: JsonObject): number {
    this.#takeArchived();
    const { operations, id } = this.#table.inserting(row);
    this.#records.write([...operations, ...this.#linking(row)]);
    return id;
  }

  update(id: number | string, changes: JsonObject): void {
    this.#takeArchived();
    this.#table.update(id, changes);
  }

  delete(id: number | string): boolean {
    this.#takeArchived();
    const row = this.#table.get(id);
    if (row === undefined) return false;
    this.#table.delete(id);
    const ends = endsOf(row);
    const isAnother = [...this.#table.rows()].some((other) => sameEnds(endsOf(other), ends));
    if (!isAnother && ends !== undefined) this.#records.unlink({ ...ends, type: RELATION });
    return true;
  }

  #linking(row: JsonObject): Operation[] {
    const ends = endsOf(row);
    const weight = row['confidence'];
    if (ends === undefined || typeof weight !== 'number' || weight < 0 || weight > 1) return [];
    const isThere = (namespace: string, id: string): boolean =>
      this.#records.get(namespace, id) !== null;
    const { from, namespace, to, toNamespace } = ends;
    if (!isThere(namespace, from) || !isThere(toNamespace, to)) return [];
    return [linkOperation({ ...ends, type: RELATION, weight })];
  }

  /** Makes records of the archived edges, once for all. */
  #takeArchived(): void {
    const archived = this.#archived();
    if (archived.length === 0) return;
    const puts = archived.map((row) => this.#table.putting(String(row['id']), row));
    const done = { namespace: STATE, id: DONE, content: DONE, metadata: {}, vector: null };
    this.#records.write([...puts, this.#records.putting(done)]);
    this.#records.session.forget(ARCHIVED);
  }

  #archived(): readonly TableRow[] {
    const { session, options } = this.#records;
    return session.use(() => {
      return session.remember(ARCHIVED, () => {
        const isDone = this.#records.get(STATE, DONE) !== null;
        return isDone ? [] : readArchive(this.#archive);
      });
    }, options);
  }
}

const ARCHIVED = 'archived causal edges';

interface Ends {
  readonly from: string;
  readonly namespace: string;
  readonly to: string;
  readonly toNamespace: string;
}

function endsOf(row: JsonObject): Ends | undefined {
  const namespace = NAMESPACES[String(row['from_memory_type'])];
  const toNamespace = NAMESPACES[String(row['to_memory_type'])];
  if (namespace === undefined || toNamespace === undefined) return undefined;
  const [from, to] = [String(row['from_memory_id']), String(row['to_memory_id'])];
  return from === '' || to === '' ? undefined : { from, namespace, to, toNamespace };
}

function sameEnds(one: Ends | undefined, other: Ends | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The rows that a migration made edges of; what it refused was no edge of v1's either. */
function readArchive(path: string): TableRow[] {
  if (!existsSync(path)) return [];
  const database = Database.open(path, { readOnly: true });
  try {
    const rows = database.all(
      `SELECT row FROM v1_rows WHERE table_name = 'causal_edges' AND outcome = 'edge' ORDER BY seq`,
    );
    return rows.map(([packed = null]) => plainRow(unpackRow(packed)));
  } catch (error) {
    // An archive of another form says nothing about these.
    if (error instanceof MemoryError && /no such (?:table|column)/.test(error.message)) return [];
    throw error;
  } finally {
    database.close();
  }
}

function plainRow(row: Row): TableRow {
  const columns = Object.entries(row).map(([column, value]): [string, JsonValue] => {
    if (typeof value === 'bigint') return [column, String(value)];
    if (value instanceof Uint8Array) return [column, textOf(value)];
    if (typeof value !== 'string' || !JSON_COLUMNS.includes(column)) return [column, value];
    try {
      return [column, JSON.parse(value) as JsonValue];
    } catch {
      return [column, value];
    }
  });
  return Object.fromEntries(columns);
}
