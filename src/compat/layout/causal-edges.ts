/**
 * Causal edges of agentdb. An edge of the store has a type and a weight, these have an uplift, evidence and
 * more; so each is a record as well. Those that a migration brought lie in its archive, and become
 * records with the first write.
 */
import type { JsonObject } from '../../memory/engine.js';
import { memoryKey } from '../../memory/memory-key.js';
import { edgeEnds, linkOperation } from '../../memory/store/records.js';
import type { Operation } from '../../memory/store/operations.js';
import type { Records } from '../records.js';
import { ARCHIVED_EDGES_TAKEN, readArchivedEdges } from './archived-edges.js';
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

  /** Deletes edges, in one transaction; the store keeps an edge between ends that another row joins. */
  deleteMany(ids: readonly (number | string)[]): number {
    this.#takeArchived();
    const gone = new Set(ids.map(String));
    const kept = new Set<string>();
    const deletes: Operation[] = [];
    const ends = new Map<string, Ends>();
    for (const row of this.#table.rows()) {
      const joined = endsOf(row);
      const key = JSON.stringify(joined);
      if (!gone.has(String(row['id']))) {
        kept.add(key);
        continue;
      }
      deletes.push({ type: 'delete', key: memoryKey(CAUSAL_EDGES.namespace, String(row['id'])) });
      if (joined !== undefined) ends.set(key, joined);
    }
    const free = [...ends].filter(([key]) => !kept.has(key));
    const unlinks = free.map(([, one]): Operation => {
      return { type: 'unlink', ...edgeEnds({ ...one, type: RELATION }) };
    });
    this.#records.write([...deletes, ...unlinks]);
    return deletes.length;
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
    this.#records.write([...puts, this.#records.putting(ARCHIVED_EDGES_TAKEN)]);
    this.#records.session.forget(ARCHIVED);
  }

  #archived(): readonly TableRow[] {
    const { session, options } = this.#records;
    return session.use(() => {
      return session.remember(ARCHIVED, () => {
        const { namespace, id } = ARCHIVED_EDGES_TAKEN;
        const isDone = this.#records.get(namespace, id) !== null;
        return isDone ? [] : readArchivedEdges(this.#archive);
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
