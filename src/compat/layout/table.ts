/** A table of v1 in the v2 store: rows in and out, without a promise; see `tables.ts`. */
import type { JsonObject, JsonValue, MetadataFilter, TimeRange } from '../../memory/engine.js';
import { isStorableName } from '../../memory/exact-row.js';
import type { Operation } from '../../memory/store/operations.js';
import type { RecordInput, StoreRecord } from '../../memory/store/records.js';
import { embeddingText } from '../../memory/command.js';
import { embedTexts } from '../embedding.js';
import { CompatError } from '../errors.js';
import type { Nearest, Records } from '../records.js';
import { contentOfRow, metadataOfRow, type TableLayout } from './tables.js';

/** Columns by name; JSON in them is parsed. Numbered rows have their number as `id`. */
export type TableRow = Readonly<Record<string, JsonValue>>;

export interface NearestRow extends Omit<Nearest, 'record'> {
  readonly row: TableRow;
}

export interface RowQuery {
  /** 1 to 1,000. */
  readonly limit: number;
  readonly filter?: MetadataFilter | undefined;
  readonly created?: TimeRange | undefined;
}

/** Holds the highest number given out, by namespace; the MCP server counts there as well. */
const COUNTERS = 'agentic-flow/counters';

export class Table {
  readonly layout: TableLayout;
  readonly #records: Records;

  constructor(records: Records, layout: TableLayout) {
    this.#records = records;
    this.layout = layout;
  }

  get(id: number | string): TableRow | undefined {
    const text = String(id);
    if (text === '' || !isStorableName(text)) return undefined;
    const record = this.#records.get(this.layout.namespace, text);
    return record === null ? undefined : this.rowOf(record);
  }

  /** All rows, a few at a time in memory, in the order of their ids as texts. */
  *rows(): Generator<TableRow, void> {
    for (const record of this.#records.scan(this.layout.namespace)) yield this.rowOf(record);
  }

  count(): number {
    return this.#records.count(this.layout.namespace);
  }

  /** Adds a row with the next number, without a vector. Returns the number. */
  insert(row: JsonObject): number {
    const { operations, id } = this.inserting(row);
    this.#records.write(operations);
    return id;
  }

  /** Adds a row with the next number and its vector. */
  async insertEmbedded(row: JsonObject): Promise<number> {
    const content = contentOfRow(this.layout, row);
    const text = embeddingText(content, metadataOfRow(this.layout, row));
    const [vector] = await embedTexts([text]);
    const { operations, id } = this.inserting(row, vector);
    this.#records.write(operations);
    return id;
  }

  /** What `insert` would write, for a transaction with more in it. Each call takes a number of its own. */
  inserting(
    row: JsonObject,
    vector: Float32Array | null = null,
  ): { operations: Operation[]; id: number } {
    const { session } = this.#records;
    const { namespace } = this.layout;
    const state = session.use(() => {
      return session.remember(`counter ${namespace}`, () => ({ last: this.#lastNumber() }));
    }, this.#records.options);
    state.last += 1;
    const counter: RecordInput = {
      namespace: COUNTERS,
      id: namespace,
      content: 'the highest number given out',
      metadata: { last: state.last },
      vector: null,
    };
    const record = { ...this.#recordOf(row, String(state.last)), vector };
    const operations = [this.#records.putting(record), this.#records.putting(counter)];
    return { operations, id: state.last };
  }

  /** Adds or replaces the row with this key. A text that changed has no vector until it is searched. */
  put(id: number | string, row: JsonObject): void {
    this.#records.write([this.putting(id, row)]);
  }

  putting(id: number | string, row: JsonObject, vector?: Float32Array): Operation {
    const { isEmbedded, namespace } = this.layout;
    if (isEmbedded && vector === undefined) this.#records.willMiss(namespace);
    const record = this.#recordOf(row, String(id));
    if (vector !== undefined) return this.#records.putting({ ...record, vector });
    return this.#records.putting(isEmbedded ? record : { ...record, vector: null });
  }

  /** Changes columns of a row that is there. */
  update(id: number | string, changes: JsonObject): void {
    const before = this.#records.get(this.layout.namespace, String(id));
    if (before === null) {
      throw new CompatError('not-found', `${this.layout.namespace} has no row ${id}`);
    }
    const record = this.#recordOf({ ...this.rowOf(before), ...changes }, String(id));
    const operation = this.#records.putting({
      ...record,
      timestamp: before.timestamp,
      expiresAt: before.expiresAt,
      ...(this.layout.isEmbedded ? {} : { vector: null }),
    });
    this.#records.write([operation]);
  }

  delete(id: number | string): boolean {
    return this.#records.delete(this.layout.namespace, String(id));
  }

  /** The rows whose vectors are nearest, best first; makes those that are missing. */
  async nearest(vector: Float32Array, query: RowQuery): Promise<NearestRow[]> {
    const { namespace } = this.layout;
    await this.#records.embedMissing(namespace);
    const found = await this.#records.nearest(vector, { ...query, namespace });
    return found.map(({ record, ...rest }) => ({ row: this.rowOf(record), ...rest }));
  }

  rowOf(record: StoreRecord): TableRow {
    return Table.rowOf(this.layout, record);
  }

  static rowOf(layout: TableLayout, { id, content, metadata }: StoreRecord): TableRow {
    const [only, second] = layout.content;
    const whole = second === undefined && only !== undefined ? { [only]: content } : {};
    const { key } = layout;
    const column = key === 'number' ? 'id' : key.column;
    return { ...whole, ...metadata, [column]: key === 'number' ? numberOr(id) : id };
  }

  #recordOf(row: JsonObject, id: string): RecordInput {
    const { layout } = this;
    const content = contentOfRow(layout, row);
    return { namespace: layout.namespace, id, content, metadata: metadataOfRow(layout, row) };
  }

  #lastNumber(): number {
    const { namespace } = this.layout;
    const told = Number(this.#records.get(COUNTERS, namespace)?.metadata['last'] ?? Number.NaN);
    let last = Number.isSafeInteger(told) && told >= 0 ? told : this.#highestNumber();
    // Another program may have added some since.
    while (this.#records.get(namespace, String(last + 1)) !== null) last += 1;
    return last;
  }

  #highestNumber(): number {
    let highest = 0;
    for (const { id } of this.#records.scan(this.layout.namespace)) {
      if (/^[1-9]\d{0,14}$/.test(id)) highest = Math.max(highest, Number(id));
    }
    return highest;
  }
}

/** Ids of v1 are numbers but where two files had the same one. */
function numberOr(id: string): number | string {
  const number = Number(id);
  return Number.isSafeInteger(number) && String(number) === id ? number : id;
}
