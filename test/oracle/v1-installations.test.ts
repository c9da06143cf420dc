import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  analyse,
  type Analysis,
  discoverInstallation,
  openReading,
  type V1Installation,
  type V1Reading,
} from '../../src/v1/index.js';

const fixtures = join(process.cwd(), '..', 'shared', 'v1', 'fixtures');

interface ExpectedFile {
  readonly rows: Readonly<Record<string, number | string>>;
  readonly open_error?: string;
}
type Recoverable = Readonly<Record<string, Readonly<Record<string, { readonly ok: number }>>>>;

/** Those whose rows cannot all be read. */
const BROKEN = ['corrupt-page', 'truncated-60pct', 'truncated-header-only', 'not-a-database'];

describe('real installations of v1', () => {
  const root = mkdtempSync(join(tmpdir(), 'agentic-flow-oracle-'));

  beforeAll(() => {
    if (!existsSync(fixtures)) {
      throw new Error(
        'the oracles are missing: put the shared folder, with v1, beside the project',
      );
    }
    cpSync(fixtures, root, { recursive: true });
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
    }
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const json = <T>(name: string): T => JSON.parse(readFileSync(join(fixtures, name), 'utf8')) as T;

  async function discover(name: string): Promise<V1Installation> {
    const directory = join(root, name);
    return discoverInstallation(directory, { home: join(directory, '_home'), env: {} });
  }

  async function read(found: V1Installation): Promise<{
    rows: Record<string, number>;
    lost: Record<string, number>;
    analysis: Analysis;
  }> {
    const readings: V1Reading[] = [];
    for (const store of found.stores) readings.push(await openReading(store, root));
    const rows: Record<string, number> = {};
    for (const reading of readings) {
      for (const table of reading.tables) {
        const keys = [...reading.rows(table)].map(({ key }) => key);
        expect(new Set(keys).size).toBe(keys.length);
        rows[`${reading.store.name} ${table}`] = keys.length;
      }
    }
    const lost: Record<string, number> = {};
    for (const reading of readings) {
      for (const { table, count } of reading.lost()) lost[table] = count;
    }
    const analysis = await analyse(readings);
    for (const reading of readings) reading.close();
    return { rows, lost, analysis };
  }

  const expected = existsSync(fixtures) ? json<Record<string, ExpectedFile>>('expected.json') : {};
  const whole = Object.entries(expected).filter(([name]) => !BROKEN.some((b) => name.includes(b)));

  it.each(whole)('%s: every row of every table', async (file, { rows }) => {
    const at = file.search(/\/(\.|agentdb|data)/);
    const [directory, name] = [file.slice(0, at), file.slice(at + 1)];
    const found = await discover(directory);
    const store = found.stores.find((candidate) => candidate.name === name);
    expect(store?.rows).toEqual(rows);
    const all = await read(found);
    for (const [table, count] of Object.entries(rows)) {
      expect(all.rows[`${name} ${table}`]).toBe(count);
    }
    expect(Object.values(all.lost)).toEqual(directory.includes('bad-json') ? [1] : []);
  });

  it.each(['corrupt-page', 'truncated-60pct'])(
    '%s: at least what is known to be there',
    async (name) => {
      const recoverable = json<Recoverable>(join('damaged', '_recoverable.json'))[name]!;
      const { rows, lost } = await read(await discover(`damaged/${name}`));
      for (const [table, { ok }] of Object.entries(recoverable)) {
        expect(rows[`.swarm/memory.db ${table}`]).toBeGreaterThanOrEqual(ok);
      }
      if (name === 'corrupt-page') expect(lost).toEqual({ patterns: 10 });
    },
  );

  it('tells the 4,241 links of the faulty consolidation and no other', async () => {
    const { analysis } = await read(await discover('damaged/consolidated-garbage'));
    expect(analysis.stores[0]).toMatchObject({ poisonedLinks: 4241, danglingLinks: 0 });
    const sound = await read(await discover('v1-reasoningbank'));
    expect(sound.analysis.stores[0]).toMatchObject({ poisonedLinks: 0, danglingLinks: 0 });
  });

  it('tells that all these vectors are hashes', async () => {
    const hashes = async (name: string): Promise<number[]> => {
      const { analysis } = await read(await discover(name));
      return analysis.stores.flatMap(({ embeddings }) =>
        embeddings.flatMap(({ hash384, hash1024, agentdbHash, other, noVector }) => [
          hash384,
          hash1024,
          agentdbHash,
          other + noVector,
        ]),
      );
    };
    expect(await hashes('v1-reasoningbank')).toEqual([500, 0, 0, 0]);
    expect(await hashes('v1-1.7.3')).toEqual([0, 60, 0, 0]);
    const agentdb = await hashes('v1-agentdb');
    expect(agentdb.filter((count) => count > 0).sort((a, b) => a - b)).toEqual([
      20, 25, 40, 59, 155, 200,
    ]);
  });

  it.each(['zero-byte', 'not-a-database', 'truncated-header-only'])('%s: nothing', async (name) => {
    const { stores } = await discover(`damaged/${name}`);
    expect(stores.map(({ state, rows }) => [state, rows])).toEqual([
      [name === 'zero-byte' ? 'empty-file' : name === 'not-a-database' ? name : 'damaged', {}],
    ]);
  });
});
