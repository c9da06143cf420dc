import { DatabaseSync } from '@photostructure/sqlite';
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { generateV1Installation } from '../../../examples/rolling-migration/generate.js';
import { openV2Engine } from '../../../src/memory/index.js';
import { formatMigrationReport, migrateDirectory } from '../../../src/migrate/index.js';
import { fakeEmbedder, scratch } from '../memory/support.js';

function installation(): string {
  const directory = scratch('installation');
  generateV1Installation(directory, { memories: 40, seed: 5 });
  return directory;
}

function change(directory: string, sql: string, name = '.swarm/memory.db'): void {
  const database = new DatabaseSync(join(directory, name), { enableForeignKeyConstraints: false });
  database.exec(sql);
  database.close();
}

const files = (directory: string): string[] =>
  readdirSync(directory, { recursive: true }).map(String).sort();

describe('migrating a directory', () => {
  it('makes a v2 store beside the v1 files, once', async () => {
    const directory = installation();
    const original = readFileSync(join(directory, '.swarm/memory.db'));
    const backupPath = scratch('backup');
    const embedder = fakeEmbedder();
    const report = await migrateDirectory({ directory, dryRun: false, backupPath, embedder });
    expect(report.error).toBeUndefined();
    expect(report).toMatchObject({ outcome: 'migrated', exitCode: 0, quarantined: [] });
    expect(report.phases.map(({ name }) => name)).toEqual([
      'analysis',
      'backup',
      'data',
      'validation',
      'finish',
    ]);
    expect(readFileSync(join(directory, '.swarm/memory.db')).equals(original)).toBe(true);
    expect(existsSync(join(backupPath, '.swarm/memory.db'))).toBe(true);
    expect(
      readdirSync(join(directory, '.agentic-flow'))
        .filter((name) => !/-(wal|shm)$/.test(name))
        .sort(),
    ).toEqual(['memory.v2.db', 'migration.json']);
    const store = openV2Engine(join(directory, '.agentic-flow/memory.v2.db'));
    expect(store.counts()).toMatchObject({ memories: 40, links: report.counts?.links });
    store.close();
    expect(formatMigrationReport(report)).toContain('memories     40 (0 quarantined)');

    const again = await migrateDirectory({ directory, dryRun: false, embedder });
    expect(again).toMatchObject({ outcome: 'already-migrated', exitCode: 3 });
    // A checkpoint or a vacuum changes the bytes of the file, not what is in it.
    change(directory, 'VACUUM');
    expect(await migrateDirectory({ directory, dryRun: false, embedder })).toMatchObject({
      exitCode: 3,
    });
    change(directory, `UPDATE patterns SET usage_count = usage_count + 1`);
    const changed = await migrateDirectory({ directory, dryRun: false, embedder });
    expect(changed).toMatchObject({ outcome: 'failed', exitCode: 1 });
    expect(changed.error).toContain('another state of this directory');
    expect(existsSync(join(directory, '.agentic-flow/memory.v2.db'))).toBe(true);
  });

  it('writes nothing in a dry run and says the same', async () => {
    const directory = installation();
    change(directory, `INSERT INTO pattern_links VALUES ('ghost', 'ghost', 'r', 0.5, 'x')`);
    const before = files(directory);
    const embedder = fakeEmbedder();
    const dry = await migrateDirectory({ directory, dryRun: true, embedder });
    expect(dry).toMatchObject({ outcome: 'would-migrate', exitCode: 2 });
    expect(files(directory)).toEqual(before);
    expect(embedder.texts).toEqual([]);
    const real = await migrateDirectory({ directory, dryRun: false, embedder });
    expect(real).toMatchObject({
      outcome: 'migrated',
      exitCode: 2,
      counts: dry.counts,
      quarantined: dry.quarantined,
    });
    expect(real.quarantined).toEqual([
      { table: 'pattern_links', reason: 'link-end-missing', name: '"ghost" "ghost" "r"' },
    ]);
    expect(formatMigrationReport(real)).toContain('pattern_links "ghost" "ghost" "r"');
  });

  it('lists stores that it does not carry, with exit code 2', async () => {
    const directory = installation();
    change(
      directory,
      `CREATE TABLE episodes (session_id, task, reward); INSERT INTO episodes VALUES (1, 2, 3)`,
      'agentdb.db',
    );
    const report = await migrateDirectory({ directory, dryRun: false, embedder: fakeEmbedder() });
    expect(report.exitCode).toBe(2);
    expect(formatMigrationReport(report)).toContain('agentdb.db (agentdb, schema C, 1 rows)');
  });

  it('removes what a killed migration left, and not what a running one has', async () => {
    const directory = installation();
    const work = (pid: number): string => join(directory, '.agentic-flow', `migration-${pid}-x`);
    // No process has this id: it is beyond the largest that Linux gives.
    for (const pid of [2 ** 30, process.pid]) mkdirSync(work(pid), { recursive: true });
    const report = await migrateDirectory({ directory, dryRun: false, embedder: fakeEmbedder() });
    expect(report.exitCode).toBe(0);
    expect(existsSync(work(2 ** 30))).toBe(false);
    expect(existsSync(work(process.pid))).toBe(true);
  });

  it('leaves nothing behind when it fails', async () => {
    const directory = installation();
    const backupPath = scratch('backup');
    const before = files(directory);
    const broken = {
      ...fakeEmbedder(),
      embed: async () => Promise.reject(new Error('the model is gone')),
    };
    const failed = await migrateDirectory({
      directory,
      dryRun: false,
      backupPath,
      embedder: broken,
    });
    expect(failed).toMatchObject({
      outcome: 'failed',
      exitCode: 1,
      error: 'the model is gone',
      store: undefined,
    });
    expect(files(directory)).toEqual(before);
    expect(existsSync(join(backupPath, '.swarm/memory.db'))).toBe(false);

    truncateSync(join(directory, '.swarm/memory.db'), 100);
    for (const dryRun of [true, false]) {
      const damaged = await migrateDirectory({ directory, dryRun, embedder: fakeEmbedder() });
      expect(damaged.exitCode).toBe(1);
      expect(damaged.error).toContain('is damaged');
    }
    expect(files(directory)).toEqual(before);
    const nothing = await migrateDirectory({
      directory: scratch('none'),
      dryRun: false,
      embedder: fakeEmbedder(),
    });
    expect(nothing).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('is no directory'),
    });
  });
});
