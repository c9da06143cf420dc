/** Reads records of a store page by page, and counts them by namespace. */
import type { SqlValue } from '../database.js';
import type { TimeRange } from '../engine.js';
import { invalid } from '../errors.js';
import { DEFAULT_NAMESPACE, keyRanges, parseMemoryKey } from '../memory-key.js';
import { memoryOf } from '../v2-file.js';
import { CURSOR_CHARACTERS_MAX, PAGE_CHARACTERS_MAX, PAGE_RECORDS_MAX } from './limits.js';
import { EXPIRY_TABLE } from '../expiry.js';
import { type StoreFile } from './store-file.js';
import type { StoredMemory } from './thread-messages.js';

export type ListOrder = 'id' | 'oldest' | 'newest';

export interface PageQuery {
  /** Null: all of them. */
  readonly namespace: string | null;
  readonly created: TimeRange;
  readonly order: ListOrder;
  readonly limit: number;
  readonly cursor: string | null;
}

export interface Page {
  readonly memories: readonly StoredMemory[];
  /** Null behind the last one. */
  readonly cursor: string | null;
}

export interface NamespaceCount {
  readonly namespace: string;
  readonly records: number;
}

/** One select, and where it goes on. */
interface Part {
  readonly where: readonly string[];
  readonly values: readonly SqlValue[];
}

/** Throws `invalid` for a cursor that is none of this order, and for a limit out of range. */
export function listPage(file: StoreFile, query: PageQuery, nowMs: number): Page {
  const { order, limit } = query;
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > PAGE_RECORDS_MAX) {
    const sentence = `a page takes 1 to ${PAGE_RECORDS_MAX} records, not ${limit}`;
    throw invalid(sentence);
  }
  const memories: StoredMemory[] = [];
  let characters = 0;
  for (const { where, values } of order === 'id' ? partsById(query) : partsByTime(query)) {
    const conditions = [...where, 'r.created_at_ms BETWEEN ? AND ?', NOT_EXPIRED];
    const direction = order === 'newest' ? 'DESC' : 'ASC';
    const by = order === 'id' ? 'r.id' : `r.created_at_ms ${direction}, r.id ${direction}`;
    const { fromMs = -LAST_MS, toMs = LAST_MS } = query.created;
    const rows = file.database.iterate(
      `SELECT r.id, r.body, r.created_at_ms, e.expires_at_ms FROM records r
       LEFT JOIN ${EXPIRY_TABLE} e ON e.id = r.id
       WHERE ${conditions.join(' AND ')} ORDER BY ${by}`,
      ...values,
      fromMs,
      toMs,
      nowMs,
    );
    for (const [id, body, createdAtMs, expiresAtMs = null] of rows) {
      if (memories.length >= limit || characters >= PAGE_CHARACTERS_MAX) {
        return { memories, cursor: cursorOf(order, memories.at(-1)) };
      }
      characters += String(body).length;
      const expiry = expiresAtMs === null ? null : Number(expiresAtMs);
      memories.push({ ...memoryOf([id, body, createdAtMs]), expiresAtMs: expiry });
    }
  }
  return { memories, cursor: null };
}

const LAST_MS = Number.MAX_SAFE_INTEGER;
const NOT_EXPIRED = '(e.expires_at_ms IS NULL OR e.expires_at_ms > ?)';

function* partsById({ namespace, cursor }: PageQuery): Generator<Part> {
  const after = cursor === null ? undefined : afterOf('id', cursor);
  const ranges = namespace === null ? ([['', null]] as const) : keyRanges(namespace);
  for (const [from, to] of ranges) {
    const where = ['r.id >= ?'];
    const values: SqlValue[] = [from];
    if (to !== null) {
      where.push('r.id < ?');
      values.push(to);
    }
    if (after !== undefined) {
      where.push('r.id > ?');
      values.push(after.id);
    }
    yield { where, values };
  }
}

function* partsByTime({ namespace, order, cursor }: PageQuery): Generator<Part> {
  const where: string[] = [];
  const values: SqlValue[] = [];
  if (namespace !== null) {
    const ranges = keyRanges(namespace).map(([from, to]) => {
      values.push(from);
      if (to === null) return 'r.id >= ?';
      values.push(to);
      return '(r.id >= ? AND r.id < ?)';
    });
    // The index of times holds the id as well; without the sign SQLite might sort by hand instead.
    where.push(`(${ranges.join(' OR ')})`.replaceAll('r.id', '+r.id'));
  }
  if (cursor !== null) {
    const { timeMs, id } = afterOf(order, cursor);
    where.push(`(r.created_at_ms, r.id) ${order === 'newest' ? '<' : '>'} (?, ?)`);
    values.push(timeMs, id);
  }
  yield { where, values };
}

function cursorOf(order: ListOrder, last: StoredMemory | undefined): string | null {
  if (last === undefined) return null;
  return Buffer.from(JSON.stringify([order, last.createdAtMs, last.id])).toString('base64url');
}

function afterOf(order: ListOrder, cursor: string): { timeMs: number; id: string } {
  try {
    if (typeof cursor === 'string' && cursor.length <= CURSOR_CHARACTERS_MAX) {
      const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
      const [of, timeMs, id] = parsed as readonly unknown[];
      if (of === order && typeof timeMs === 'number' && typeof id === 'string') {
        return { timeMs, id };
      }
    }
  } catch {
    // No JSON: no cursor of ours.
  }
  throw invalid('the cursor is none of a list in this order');
}

/** Every namespace that has records, in the order of their names. */
export function countNamespaces(file: StoreFile, nowMs: number): NamespaceCount[] {
  const counts: NamespaceCount[] = [];
  for (const namespace of namesOf(file)) {
    const records = countRecords(file, namespace, nowMs);
    if (records > 0) counts.push({ namespace, records });
  }
  return counts.sort((a, b) => (a.namespace < b.namespace ? -1 : 1));
}

/** Skips from the keys of one namespace to those of the next. */
function* namesOf({ database }: StoreFile): Generator<string> {
  yield DEFAULT_NAMESPACE;
  for (let from = '\u001f'; ;) {
    const sql = `SELECT id FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT 1`;
    const row = database.get(sql, from, '\u0020');
    if (row === undefined) return;
    const key = String(row[0]);
    const name = parseMemoryKey(key)?.namespace ?? DEFAULT_NAMESPACE;
    if (name === DEFAULT_NAMESPACE) {
      from = key < '\u001f\u001f' || key >= '\u001f\u0020' ? `${key}\u0001` : '\u001f\u0020';
      continue;
    }
    yield name;
    from = `\u001f${name}\u0020`;
  }
}

/** Records of a namespace that have not expired. */
export function countRecords({ database }: StoreFile, namespace: string, nowMs: number): number {
  let count = 0;
  for (const [from, to] of keyRanges(namespace)) {
    const range = to === null ? 'id >= ?' : 'id >= ? AND id < ?';
    const values = to === null ? [from] : [from, to];
    count += database.number(`SELECT count(*) FROM records WHERE ${range}`, ...values);
    count -= database.number(
      `SELECT count(*) FROM ${EXPIRY_TABLE} WHERE ${range} AND expires_at_ms <= ?`,
      ...values,
      nowMs,
    );
  }
  return count;
}

/** Some keys of a namespace. */
export function someKeys({ database }: StoreFile, namespace: string, limit: number): string[] {
  for (const [from, to] of keyRanges(namespace)) {
    const range = to === null ? 'id >= ?' : 'id >= ? AND id < ?';
    const values = to === null ? [from] : [from, to];
    const sql = `SELECT id FROM records WHERE ${range} LIMIT ?`;
    const rows = database.all(sql, ...values, limit);
    if (rows.length > 0) return rows.map(([id]) => String(id));
  }
  return [];
}
