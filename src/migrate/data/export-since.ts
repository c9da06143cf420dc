/** What was written to a store since it was migrated, as a file that `store import` takes. */
import { Database, type SqlValue } from '../../memory/database.js';
import { translateError } from '../../memory/errors.js';
import { parseMemoryKey } from '../../memory/memory-key.js';
import { replaceFile } from '../../memory/replace-file.js';
import { edgeLine, endLine, headerLine, recordLine } from '../../memory/store/json-lines.js';
import { EXPIRY_TABLE } from '../../memory/expiry.js';
import { checkFormat, memoryOf } from '../../memory/v2-file.js';
import { checkArchive, hasReferences } from './archive.js';
import { edgeTarget } from './names.js';
import { REFERENCE_WEIGHT } from './references.js';
import { recordHash } from './store-writer.js';

export interface ExportSinceOptions {
  /** Nobody writes to it meanwhile. */
  readonly store: string;
  readonly archive: string;
  /** The file to write; one that is there is replaced. */
  readonly to: string;
}

/**
 * Writes records and edges that are not as the archive says the migration made them, with the edges of v1
 * left out that are as they were. What was deleted since cannot be said in such a file. Returns how many
 * records and edges are in it. Throws what the files throw.
 */
export async function exportSince({ to, ...files }: ExportSinceOptions): Promise<number> {
  try {
    return withBoth(files, (database, made) => {
      database.exec('BEGIN');
      const counts = countSince(database, made);
      replaceFile(to, piecesOf(linesSince(database, made, counts)));
      return counts.records + counts.edges;
    });
  } catch (error) {
    throw translateError(error, to);
  }
}

/** How many records and edges that would be. Throws what the files throw. */
export function countWrittenSince(files: Files): number {
  return withBoth(files, (database, made) => {
    const { records, edges } = countSince(database, made);
    return records + edges;
  });
}

type Files = Omit<ExportSinceOptions, 'to'>;

function withBoth<T>({ store, archive }: Files, work: (store: Database, made: Database) => T): T {
  const made = Database.open(archive, { readOnly: true });
  try {
    checkArchive(made);
    const database = Database.open(store, { readOnly: true });
    try {
      checkFormat(database);
      return work(database, made);
    } finally {
      database.close();
    }
  } finally {
    made.close();
  }
}

interface Counts {
  records: number;
  edges: number;
}

function countSince(database: Database, archive: Database): Counts {
  const counts = { records: 0, edges: 0 };
  for (const _ of recordsSince(database, archive)) counts.records += 1;
  for (const _ of edgesSince(database, archive)) counts.edges += 1;
  return counts;
}

function* linesSince(database: Database, archive: Database, counts: Counts): Generator<string> {
  const [found] = database.all('SELECT model, length(vector) / 4 FROM vectors LIMIT 1');
  const model =
    found === undefined ? null : { model: String(found[0]), dimensions: Number(found[1]) };
  yield headerLine(model, counts);
  yield* recordsSince(database, archive);
  yield* edgesSince(database, archive);
  yield endLine(counts);
}

function* recordsSince(database: Database, archive: Database): Generator<string> {
  const rows = database.iterate(
    `SELECT r.id, r.body, r.created_at_ms, e.expires_at_ms, v.vector FROM records r
     LEFT JOIN ${EXPIRY_TABLE} e ON e.id = r.id LEFT JOIN vectors v ON v.id = r.id
     WHERE e.expires_at_ms IS NULL OR e.expires_at_ms > ? ORDER BY r.seq`,
    Date.now(),
  );
  for (const [key, body, createdAtMs, expires = null, vector] of rows) {
    const expiresAt = expires === null ? null : Number(expires);
    const hash = recordHash(String(body), Number(createdAtMs), expiresAt);
    if (isAsMade(archive, String(key), hash)) continue;
    const memory = memoryOf([key, body, createdAtMs]);
    const bytes = vector instanceof Uint8Array ? vector : null;
    yield recordLine({ ...placeOf(String(key)), ...memory, expiresAt, vector: bytes });
  }
}

function* edgesSince(database: Database, archive: Database): Generator<string> {
  const rows = database.iterate('SELECT from_id, to_id, relation, weight FROM edges ORDER BY seq');
  for (const [from, to, relation, weight] of rows) {
    const target = edgeTarget(String(from), String(to), String(relation));
    if (isAsMade(archive, target, String(weight)) || isReference(archive, target, weight)) continue;
    yield edgeLine(placeOf(String(from)), placeOf(String(to)), String(relation), Number(weight));
  }
}

function isAsMade(archive: Database, target: string, made: string): boolean {
  const sql = 'SELECT 1 FROM v1_rows WHERE target = ? AND made = ? LIMIT 1';
  return archive.get(sql, target, made) !== undefined;
}

/** An edge that a foreign key of v1 became, as it was made. */
function isReference(archive: Database, target: string, weight: SqlValue | undefined): boolean {
  if (weight !== REFERENCE_WEIGHT || !hasReferences(archive)) return false;
  const sql = `SELECT 1 FROM v1_references WHERE target = ? AND outcome = 'edge' LIMIT 1`;
  return archive.get(sql, target) !== undefined;
}

function placeOf(key: string): { namespace: string; name: string } {
  const { namespace, id } = parseMemoryKey(key) ?? { namespace: 'default', id: key };
  return { namespace, name: id };
}

function* piecesOf(lines: Iterable<string>): Generator<{ start: number; bytes: Uint8Array }> {
  let start = 0;
  for (const line of lines) {
    const bytes = Buffer.from(`${line}\n`);
    yield { start, bytes };
    start += bytes.length;
  }
}
