/** Reads the rows of a table of which some pages are damaged, around those. */
import type { Database, SqlValue } from '../database.js';
import { MemoryError } from '../errors.js';

/** What a read of a damaged file gives: a value, nothing more, or damage. */
type Read<T> = { readonly value: T } | 'end' | 'damage';

interface Source {
  readonly database: Database;
  readonly table: string;
  /** The name by which SQLite gives the rowid; a column may have taken the usual one. */
  readonly rowid: string;
}

/** Distances that reach any rowid. */
const DISTANCES_MAX = 53;

/**
 * Every row that can be reached, its rowid first; some perhaps twice. `table` is quoted where it must be. Forward from the first; behind
 * damage from the nearest row that SQLite finds by its rowid; what is left, back from the last.
 */
export function* salvageRows(
  database: Database,
  table: string,
  columns: readonly string[],
  rowid = 'rowid',
): Generator<SqlValue[]> {
  const source: Source = { database, table, rowid };
  const select = `SELECT ${rowid}, ${columns.join(', ')} FROM ${table} NOT INDEXED`;
  let from = Number.MIN_SAFE_INTEGER;
  for (;;) {
    const forward = readAll(database, `${select} WHERE ${rowid} >= ? ORDER BY ${rowid}`, from);
    for (let next = forward(); ; next = forward()) {
      if (next === 'end') return;
      if (next === 'damage') break;
      yield next.value;
      // A damaged page may tell any rowid.
      from = Math.max(from, Number(next.value[0]) + 1);
    }
    const row = rowFrom(source, select, from);
    if (row === undefined) break;
    yield row;
    from = Math.max(from, 0, Number(row[0])) + 1;
  }
  const back = `${select} WHERE ${rowid} >= ? ORDER BY ${rowid} DESC`;
  const backward = readAll(database, back, from);
  for (let next = backward(); typeof next === 'object'; next = backward()) yield next.value;
}

/** The first row from a rowid on that can be read, as far as bisection tells. */
function rowFrom(
  { database, table, rowid: name }: Source,
  select: string,
  start: number,
): SqlValue[] | undefined {
  const seek = `SELECT ${name} FROM ${table} NOT INDEXED WHERE ${name} >= ? ORDER BY ${name} LIMIT 1`;
  const firstFrom = (rowid: number): Read<number> => {
    const read = readAll(database, seek, rowid)();
    return typeof read === 'object' ? { value: Number(read.value[0]) } : read;
  };
  let from = Math.max(start, 0);
  for (let exponent = 0; exponent < DISTANCES_MAX; exponent += 1) {
    let bad = from + (exponent === 0 ? -1 : 2 ** (exponent - 1) - 1);
    const probed = from + 2 ** exponent - 1;
    if (!Number.isSafeInteger(probed)) return undefined;
    const first = firstFrom(probed);
    if (first === 'end') return undefined;
    if (first === 'damage') continue;
    // From `reached` on SQLite finds rows, the first of them `good`; from `bad` on it meets damage.
    let reached = probed;
    let good = first.value;
    while (reached - bad > 1) {
      const middle = Math.floor((reached + bad) / 2);
      const read = firstFrom(middle);
      if (typeof read === 'object' && read.value >= middle) {
        reached = middle;
        good = Math.min(good, read.value);
      } else bad = middle;
    }
    const row = readAll(database, `${select} WHERE ${name} = ?`, good)();
    if (typeof row === 'object') return row.value;
    // Only this row: what it holds beside the page is damaged.
    from = Math.max(from, good) + 1;
    exponent = -1;
  }
  return undefined;
}

/** The rows of a select one by one. */
function readAll(database: Database, sql: string, value: number): () => Read<SqlValue[]> {
  let rows: Iterator<SqlValue[]> | undefined;
  return () => {
    try {
      rows ??= database.iterate(sql, value);
      const next = rows.next();
      return next.done === true ? 'end' : { value: next.value };
    } catch (error) {
      if (error instanceof MemoryError && (error.code === 'damaged' || error.code === 'io')) {
        return 'damage';
      }
      throw error;
    }
  };
}
