/** What a migration did, read from the archive that it wrote. */
import type { Database } from '../../memory/database.js';
import { Archive } from './archive.js';
import type { DataReport, ReferenceReport, TableReport } from './contract.js';
import { QUARANTINED_LISTED_MAX } from './limits.js';
import { outcomeText } from './placements/index.js';
import type { Source } from './row-writer.js';

type Counted = Pick<
  DataReport,
  'tables' | 'quarantined' | 'quarantinedCount' | 'references' | 'records' | 'edges'
>;

export function reportOf(archive: Database, store: Database, sources: readonly Source[]): Counted {
  const tables = tablesOf(archive, sources);
  const quarantined: DataReport['quarantined'][number][] = [];
  for (const entry of new Archive(archive).quarantine()) {
    quarantined.push(entry);
    if (quarantined.length === QUARANTINED_LISTED_MAX) break;
  }
  return {
    tables,
    quarantined,
    quarantinedCount: tables.reduce((sum, table) => sum + table.quarantined, 0),
    references: referencesOf(archive, sources),
    records: store.number('SELECT count(*) FROM records'),
    edges: store.number('SELECT count(*) FROM edges'),
  };
}

function referencesOf(archive: Database, sources: readonly Source[]): ReferenceReport[] {
  const rows = archive.all(
    `SELECT store, table_name, column_name, sum(outcome = 'edge'), sum(outcome <> 'edge')
     FROM v1_references GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
  );
  return rows.flatMap(([number, table, column, edges, refused]): ReferenceReport[] => {
    const source = sources.find((each) => each.number === number);
    if (source === undefined) return [];
    const counts = { edges: Number(edges), refused: Number(refused) };
    const store = source.reading.store.name;
    return [{ store, table: String(table), column: String(column), ...counts }];
  });
}

/** Every table of every store, also those without a row. */
function tablesOf(archive: Database, sources: readonly Source[]): TableReport[] {
  const counts = new Map<string, { migrated: number; quarantined: number }>();
  const rows = archive.all(
    `SELECT store, table_name, outcome = 'quarantined', count(*) FROM v1_rows GROUP BY 1, 2, 3`,
  );
  for (const [store, table, isQuarantined, count] of rows) {
    const name = `${store}/${table}`;
    const found = counts.get(name) ?? { migrated: 0, quarantined: 0 };
    found[isQuarantined === 1 ? 'quarantined' : 'migrated'] += Number(count);
    counts.set(name, found);
  }
  return sources.flatMap(({ number, reading, tables }) => {
    const lost = reading.lost();
    return tables.map((placed): TableReport => {
      const { table } = placed;
      const { migrated = 0, quarantined = 0 } = counts.get(`${number}/${table}`) ?? {};
      const missing = lost.filter((each) => each.table === table);
      return {
        store: reading.store.name,
        table,
        v1: migrated + quarantined,
        migrated,
        quarantined,
        lost: missing.reduce((sum, { count }) => sum + count, 0),
        outcome: outcomeText(placed),
      };
    });
  });
}
