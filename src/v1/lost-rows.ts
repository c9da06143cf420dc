/** What the rest of a damaged database proves to have been in a table and cannot be read. */
import type { Database, SqlValue } from '../memory/database.js';
import { quoteName } from '../memory/exact-row.js';
import { countRows, isUnreadable, type V1Table } from './database-table.js';
import { LOST_NAMED_MAX } from './limits.js';
import type { LostRows } from './rows.js';

/**
 * `found` is the rowids of the rows that were read, or their number in a table without rowids. An index
 * names the rows that are gone; without one the count of the table's own pages tells.
 */
export function lostRows(
  database: Database,
  table: V1Table,
  found: ReadonlySet<SqlValue> | number,
): LostRows[] {
  const counted = countRows(database, table);
  if (typeof found === 'number') {
    return verdict(table, counted, counted === undefined ? 0 : counted - found, []);
  }
  const { missing, named } = namedByIndexes(database, table, found);
  const uncounted = counted === undefined ? 0 : counted - found.size;
  return verdict(table, counted, Math.max(missing, uncounted), named);
}

function verdict(
  { name }: V1Table,
  counted: number | undefined,
  count: number,
  named: readonly string[],
): LostRows[] {
  const where = 'on pages that are damaged or cut off';
  if (count > 0) {
    const which = named.length === 0 ? '' : `, among them ${named.join(', ')}`;
    const atLeast = counted === undefined ? 'at least ' : '';
    return [{ table: name, count, reason: `${atLeast}${count} rows ${where}${which}` }];
  }
  if (counted !== undefined) return [];
  const reason = `rows ${where}, if there were any; nothing that can be read tells how many`;
  return [{ table: name, count: 0, reason }];
}

/** Rows that indexes name and that were not read; the primary keys of the first ones. */
function namedByIndexes(
  database: Database,
  table: V1Table,
  found: ReadonlySet<SqlValue>,
): { readonly missing: number; readonly named: readonly string[] } {
  const missing = new Set<SqlValue>();
  const named: string[] = [];
  for (const [index, origin] of indexesOf(database, table.name)) {
    const isKey = origin === 'pk' && table.key.length > 0;
    const names = isKey ? table.key.map(({ name }) => quoteName(name)).join(`|| ' ' ||`) : `''`;
    const sql = `SELECT ${table.rowid}, ${names} FROM ${quoteName(table.name)} INDEXED BY ${quoteName(index)}`;
    for (const [rowid = null, name] of readable(database, sql)) {
      if (found.has(rowid) || missing.has(rowid)) continue;
      missing.add(rowid);
      if (isKey && typeof name === 'string' && named.length < LOST_NAMED_MAX) named.push(name);
    }
  }
  return { missing: missing.size, named };
}

/** Names and origins of the indexes over all rows, the one of the primary key first. */
function indexesOf(database: Database, table: string): [name: string, origin: string][] {
  const sql = `SELECT name, origin FROM pragma_index_list(?) WHERE partial = 0 ORDER BY origin = 'pk' DESC, name`;
  return database.all(sql, table).map(([name, origin]) => [String(name), String(origin)]);
}

function* readable(database: Database, sql: string): IterableIterator<SqlValue[]> {
  try {
    yield* database.iterate(sql);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
}
