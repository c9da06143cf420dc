/** Reads a copied database: all rows of each table once, around damage, and what is proven to be lost. */
import { Database, type SqlValue } from '../memory/database.js';
import { quoteName, textOf } from '../memory/exact-row.js';
import { linkJudge, type Link } from '../memory/poisoned-links.js';
import {
  isUnreadable,
  KEY_SEPARATOR,
  type PlacedRow,
  salvagedRows,
  soundRows,
  type V1Table,
} from './database-table.js';
import { lostRows } from './lost-rows.js';
import type { OpenCopy } from './open-copy.js';
import { OrphanRows } from './orphan-rows.js';
import type { ForeignKey, LostRows, V1Reading, V1Row, V1Store } from './rows.js';

export class DatabaseReading implements V1Reading {
  readonly store: V1Store;
  readonly tables: readonly string[];
  readonly #database: Database | undefined;
  readonly #isDamaged: boolean;
  readonly #tables: ReadonlyMap<string, V1Table>;
  readonly #lost = new Map<string, readonly LostRows[]>();
  readonly #dispose: () => void;
  #orphans: OrphanRows | undefined;
  #judging: Database | undefined;
  #isPoisoned: ((key: string) => boolean) | undefined;

  constructor(store: V1Store, copy: OpenCopy, dispose: () => void) {
    this.store = store;
    this.#database = copy.database;
    this.#isDamaged = copy.state !== 'ok';
    this.#tables = new Map(copy.tables.map((table) => [table.name, table]));
    this.tables = [...this.#tables.keys()];
    this.#dispose = dispose;
  }

  columns(table: string): readonly string[] {
    return this.#tables.get(table)?.columns ?? [];
  }

  foreignKeys(name: string): readonly ForeignKey[] {
    if (this.#database === undefined || !this.#tables.has(name)) return [];
    const found = new Map<unknown, { column: string; table: string; to: SqlValue }[]>();
    for (const [id, column, table, to = null] of foreignKeyRows(this.#database, name)) {
      const parts = found.get(id) ?? [];
      found.set(id, [...parts, { column: String(column), table: String(table), to }]);
    }
    const keys = [...found.values()].flatMap(([first, ...others]): ForeignKey[] => {
      if (first === undefined || others.length > 0) return [];
      const { column, table, to } = first;
      const other = this.tables.find((each) => each.toLowerCase() === table.toLowerCase());
      const key = this.#tables.get(other ?? '')?.key ?? [];
      const isKey = key.length === 1 && (to === null || sameName(key[0]?.name, String(to)));
      const own = this.columns(name).find((each) => sameName(each, column));
      return isKey && other !== undefined && own !== undefined
        ? [{ column: own, table: other }]
        : [];
    });
    return keys.sort((a, b) => (a.column < b.column ? -1 : 1));
  }

  *rows(name: string): IterableIterator<V1Row> {
    const table = this.#tables.get(name);
    const database = this.#database;
    if (table === undefined || database === undefined) return;
    const rows = this.#isDamaged ? this.#salvage(database, table) : soundRows(database, table);
    for (const { table: from, key, row } of rows) yield { table: from, key, row };
  }

  /** Each row once: a damaged page may lead to the same rows again, or give a name twice. */
  *#salvage(database: Database, table: V1Table): IterableIterator<PlacedRow> {
    const places = new Set<SqlValue>();
    const keys = new Set<string>();
    for (const row of this.#reachable(database, table)) {
      if (row.rowid === undefined ? keys.has(row.key) : places.has(row.rowid)) continue;
      const key = keys.has(row.key) ? `rowid:${String(row.rowid)}` : row.key;
      keys.add(key);
      if (row.rowid !== undefined) places.add(row.rowid);
      yield { ...row, key };
    }
    const found = table.rowid === undefined ? keys.size : places;
    this.#lost.set(table.name, lostRows(database, table, found));
  }

  /** By its tree, then from pages to which no tree leads. */
  *#reachable(database: Database, table: V1Table): IterableIterator<PlacedRow> {
    yield* salvagedRows(database, table);
    this.#orphans ??= new OrphanRows(database, [...this.#tables.values()]);
    yield* this.#orphans.of(table);
  }

  /** Rows by table of a sound database, without reading them. */
  counts(): Record<string, number> {
    const database = this.#database;
    if (database === undefined) return {};
    const counted = this.tables.map((table): [string, number] => {
      return [table, database.number(`SELECT count(*) FROM ${quoteName(table)}`)];
    });
    return Object.fromEntries(counted);
  }

  lost(): readonly LostRows[] {
    return [...this.#lost.values()].flat();
  }

  isPoisonedLink(key: string): boolean {
    this.#isPoisoned ??= this.#judge();
    return this.#isPoisoned(key);
  }

  #judge(): (key: string) => boolean {
    const database = this.#database;
    const needed = [
      ['pattern_links', ['src_id', 'dst_id', 'relation', 'weight', 'created_at']],
      ['pattern_embeddings', ['id', 'vector']],
      ['patterns', ['id', 'pattern_data']],
    ] as const;
    const isSchemaA = needed.every(([table, columns]) =>
      columns.every((column) => this.columns(table).includes(column)),
    );
    if (database === undefined || !isSchemaA) return () => false;
    // What one statement stumbles over changes what another one of its connection finds.
    const own = this.#isDamaged ? Database.open(database.path, { salvage: true }) : database;
    this.#judging = own;
    const judge = judgeOf(own);
    return (key) => {
      try {
        const link = linkOf(own, key);
        return link !== undefined && judge(link);
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        return false;
      }
    };
  }

  close(): void {
    this.#orphans?.close();
    this.#judging?.close();
    this.#database?.close();
    this.#dispose();
  }
}

/** None where the schema is damaged. */
function foreignKeyRows(database: Database, table: string): SqlValue[][] {
  try {
    const sql = 'SELECT id, "from", "table", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq';
    return database.all(sql, table);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return [];
  }
}

/** SQLite does not tell upper from lower case in names. */
function sameName(a: string | undefined, b: string): boolean {
  return a?.toLowerCase() === b.toLowerCase();
}

function judgeOf(database: Database): (link: Link) => boolean {
  try {
    return linkJudge(database);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return linkJudge(database, []);
  }
}

/** The link that a key names, if it is one that consolidate() may have drawn. */
function linkOf(database: Database, key: string): Link | undefined {
  const parts = key.split(KEY_SEPARATOR);
  const byKey = `src_id = ? AND dst_id = ? AND relation = ?`;
  const rowid = /^rowid:(-?\d+)$/.exec(key)?.[1];
  const where = rowid === undefined ? byKey : 'rowid = ?';
  if (rowid === undefined && parts.length !== 3) return undefined;
  const row = database.get(
    `SELECT src_id, dst_id, relation, weight, created_at FROM ${quoteName('pattern_links')}
     WHERE ${where} AND relation IN ('contradicts', 'duplicate_of') AND typeof(weight) = 'real'
       AND typeof(src_id) = 'text' AND typeof(dst_id) = 'text'`,
    ...(rowid === undefined ? parts : [BigInt(rowid)]),
  );
  if (row === undefined) return undefined;
  const [from, to, relation, weight, createdAt] = row;
  return {
    from: textOf(from),
    to: textOf(to),
    relation: textOf(relation),
    weight: Number(weight),
    createdAt: textOf(createdAt),
  };
}
