/** Reads a store as it was at one moment, page by page, while it goes on. */
import { Database } from '../database.js';
import { MemoryError } from '../errors.js';
import { DEFAULT_NAMESPACE, parseMemoryKey } from '../memory-key.js';
import { memoryOf } from '../v2-file.js';
import { EXPORT_PAGE_CHARACTERS, EXPORTS_MAX } from './limits.js';
import { edgeLine, recordLine } from './json-lines.js';
import { EXPIRY_TABLE } from '../expiry.js';
import type { ExportStart } from './thread-messages.js';

interface Reading {
  readonly database: Database;
  readonly lines: Iterator<string>;
}

export class Exports {
  readonly #path: string;
  readonly #nowMs: () => number;
  readonly #open = new Map<number, Reading>();
  #last = 0;

  constructor(path: string, nowMs: () => number) {
    this.#path = path;
    this.#nowMs = nowMs;
  }

  /** Throws `overloaded`. */
  open(): ExportStart {
    if (this.#open.size >= EXPORTS_MAX) {
      const sentence = `${EXPORTS_MAX} exports of ${this.#path} run already; wait for one of them`;
      throw new MemoryError('overloaded', sentence, this.#path);
    }
    const database = Database.open(this.#path, { readOnly: true });
    try {
      database.exec('BEGIN');
      const nowMs = this.#nowMs();
      const records = database.number(
        `SELECT count(*) FROM records r LEFT JOIN ${EXPIRY_TABLE} e ON e.id = r.id WHERE ${IS_THERE}`,
        nowMs,
      );
      const edges = database.number(`SELECT count(*) ${EDGES}`, nowMs, nowMs);
      this.#last += 1;
      this.#open.set(this.#last, { database, lines: linesOf(database, nowMs) });
      return { number: this.#last, records, edges };
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** The next lines; none at the end. */
  page(number: number): string[] {
    const reading = this.#open.get(number);
    if (reading === undefined) throw new MemoryError('closed', 'the export has ended');
    const page: string[] = [];
    for (let characters = 0; characters < EXPORT_PAGE_CHARACTERS;) {
      const next = reading.lines.next();
      if (next.done === true) break;
      page.push(next.value);
      characters += next.value.length;
    }
    return page;
  }

  close(number: number): void {
    this.#open.get(number)?.database.close();
    this.#open.delete(number);
  }

  closeAll(): void {
    for (const number of this.#open.keys()) this.close(number);
  }
}

const IS_THERE = '(e.expires_at_ms IS NULL OR e.expires_at_ms > ?)';
const EDGES = `FROM edges g LEFT JOIN ${EXPIRY_TABLE} f ON f.id = g.from_id
  LEFT JOIN ${EXPIRY_TABLE} t ON t.id = g.to_id
  WHERE (f.expires_at_ms IS NULL OR f.expires_at_ms > ?)
    AND (t.expires_at_ms IS NULL OR t.expires_at_ms > ?)`;

function* linesOf(database: Database, nowMs: number): Generator<string> {
  const records = database.iterate(
    `SELECT r.id, r.body, r.created_at_ms, e.expires_at_ms, v.model, v.vector FROM records r
     LEFT JOIN ${EXPIRY_TABLE} e ON e.id = r.id LEFT JOIN vectors v ON v.id = r.id
     WHERE ${IS_THERE} ORDER BY r.seq`,
    nowMs,
  );
  for (const [key, body, createdAtMs, expiresAtMs = null, , bytes] of records) {
    const memory = memoryOf([key, body, createdAtMs]);
    const expiresAt = expiresAtMs === null ? null : Number(expiresAtMs);
    const vector = bytes instanceof Uint8Array ? bytes : null;
    yield recordLine({ ...placeOf(memory.id), ...memory, expiresAt, vector });
  }
  const edges = database.iterate(
    `SELECT g.from_id, g.to_id, g.relation, g.weight ${EDGES} ORDER BY g.seq`,
    nowMs,
    nowMs,
  );
  for (const [from, to, relation, weight] of edges) {
    const [start, end] = [placeOf(String(from)), placeOf(String(to))];
    yield edgeLine(start, end, String(relation), Number(weight));
  }
}

function placeOf(key: string): { namespace: string; name: string } {
  const { namespace, id } = parseMemoryKey(key) ?? { namespace: DEFAULT_NAMESPACE, id: key };
  return { namespace, name: id };
}
