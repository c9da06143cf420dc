/** The data of the installations that v1 itself wrote: every row arrives, or is in quarantine with a reason. */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { cheapEmbedder } from '../../bench/migration/cheap-embedder.js';
import { checkStore } from '../../src/memory/index.js';
import {
  addLateRows,
  type DataReport,
  exportSince,
  migrateData,
  openArchive,
} from '../../src/migrate/data/index.js';
import { discoverInstallation, openReading, type V1Reading } from '../../src/v1/index.js';

type Rows = Readonly<Record<string, number>>;

const scratch = mkdtempSync(join(tmpdir(), 'agentic-flow-oracle-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The folder `shared/v1/fixtures` beside the project. */
function fixtures(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  const path = join(directory, '..', 'shared', 'v1', 'fixtures');
  if (!existsSync(path)) throw new Error(`${path} is missing: put the installations of v1 there`);
  return path;
}

const expected = JSON.parse(readFileSync(join(fixtures(), 'expected.json'), 'utf8')) as Readonly<
  Record<string, { rows: Readonly<Record<string, number | string>> }>
>;
const recoverable = JSON.parse(
  readFileSync(join(fixtures(), 'damaged', '_recoverable.json'), 'utf8'),
) as Readonly<Record<string, Readonly<Record<string, { ok: number }>>>>;

/** Installations, and the files of each with the rows that SQLite finds in them. */
function installations(): Map<string, Map<string, Rows>> {
  const found = new Map<string, Map<string, Rows>>();
  for (const [path, { rows }] of Object.entries(expected)) {
    const depth = path.startsWith('damaged/') ? 2 : 1;
    const name = path.split('/').slice(0, depth).join('/');
    const file = path.split('/').slice(depth).join('/');
    const counts = Object.entries(rows).filter(([table]) => !table.includes('__'));
    const files = found.get(name) ?? new Map<string, Rows>();
    found.set(name, files.set(file, Object.fromEntries(counts) as Rows));
  }
  return found;
}

interface Migrated {
  readonly report: DataReport;
  readonly readings: readonly V1Reading[];
  readonly work: string;
}

async function migrated(name: string): Promise<Migrated> {
  const copy = mkdtempSync(join(scratch, 'copy-'));
  cpSync(join(fixtures(), name), copy, { recursive: true });
  for (const file of readdirSync(copy, { recursive: true }))
    chmodSync(join(copy, String(file)), 0o700);
  const home = existsSync(join(copy, '_home')) ? join(copy, '_home') : copy;
  const { stores } = await discoverInstallation(copy, { home, env: {} });
  const readings = await Promise.all(stores.map((store) => openReading(store, scratch)));
  const work = mkdtempSync(join(scratch, 'work-'));
  const report = await migrateData({ readings, work, embedder: cheapEmbedder() });
  return { report, readings, work };
}

function rowsOf(report: DataReport, file: string): Rows {
  const tables = report.tables.filter(({ store }) => store === file);
  return Object.fromEntries(tables.map(({ table, v1, lost }) => [table, v1 + lost]));
}

const damaged = new Set(Object.keys(recoverable).map((name) => `damaged/${name}`));

describe('rows of v1 are migrated or in quarantine', () => {
  it.each([...installations()])('%s', async (name, files) => {
    const { report, readings, work } = await migrated(name);
    for (const [file, rows] of files) {
      const found = rowsOf(report, file);
      if (!damaged.has(name)) expect(found).toMatchObject(rows);
      for (const [table, { ok }] of Object.entries(recoverable[name.split('/')[1] ?? ''] ?? {})) {
        const read = report.tables.find((each) => each.store === file && each.table === table);
        expect(read?.v1 ?? 0, table).toBeGreaterThanOrEqual(ok);
      }
    }
    const store = join(work, 'memory.v2.db');
    const archivePath = join(work, 'v1-rows.db');
    const archive = openArchive(archivePath);
    for (const { store: file, table, v1, migrated: taken, quarantined } of report.tables) {
      expect(taken + quarantined, `${file} ${table}`).toBe(v1);
      expect(archive.count({ store: file, table })).toBe(v1);
    }
    for (const { sentence } of archive.quarantine()) expect(sentence).not.toBe('');
    archive.close();
    expect(await checkStore(store)).toMatchObject({ isWhole: true, problems: [] });

    const options = { readings, work, embedder: cheapEmbedder(), store, archive: archivePath };
    expect(await addLateRows(options)).toMatchObject({ late: 0, tables: report.tables });
    expect(await exportSince({ store, archive: archivePath, to: join(work, 'since') })).toBe(0);
    for (const reading of readings) reading.close();
  });

  it('all memories and links of v1-reasoningbank, and the whole of v1-full', async () => {
    const { report } = await migrated('v1-reasoningbank');
    const by = (table: string): unknown => report.tables.find((each) => each.table === table);
    expect(by('patterns')).toMatchObject({ v1: 500, migrated: 500 });
    expect(by('pattern_links')).toMatchObject({ v1: 192, migrated: 192 });
    expect((await migrated('v1-full')).report).toMatchObject({ quarantinedCount: 0 });
  });

  it('finds what consolidate() drew, what dangles, and nothing else', async () => {
    const reasons = async (name: string): Promise<Record<string, number>> => {
      const { work } = await migrated(name);
      const archive = openArchive(join(work, 'v1-rows.db'));
      const counts: Record<string, number> = {};
      for (const { reason } of archive.quarantine()) counts[reason] = (counts[reason] ?? 0) + 1;
      archive.close();
      return counts;
    };
    expect(await reasons('damaged/consolidated-garbage')).toEqual({
      'link-from-faulty-consolidation': 4241,
    });
    expect(await reasons('damaged/dangling-links')).toEqual({
      'vector-without-memory': 15,
      'link-end-missing': 25,
      'link-weight-out-of-range': 2,
      'link-without-name': 1,
    });
    expect(await reasons('v1-agentdb')).toEqual({ 'link-end-missing': 5 });
  });
});
