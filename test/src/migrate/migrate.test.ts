import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { generateV1Installation } from '../../../examples/rolling-migration/generate.js';
import { checkStore, openMemoryStore, type Embedder } from '../../../src/memory/index.js';
import { formatMigrationReport, validateDirectory } from '../../../src/migrate/index.js';
import { fakeEmbedder, scratch } from '../memory/support.js';
import {
  MEMORIES,
  addPattern,
  change,
  installation,
  interrupt,
  migrate,
  options,
  rollBack,
  storeOf,
  tree,
  withoutLog,
} from './support.js';

describe('migrating a directory', () => {
  it('makes a store and an archive beside the v1 files, and goes back to the byte', async () => {
    const directory = installation();
    const before = tree(directory);
    const report = await migrate(directory);
    expect(report.error).toBeUndefined();
    expect(report).toMatchObject({ outcome: 'migrated', exitCode: 0, quarantinedCount: 0 });
    expect(report.tables.find(({ table }) => table === 'patterns')).toMatchObject({
      v1: MEMORIES,
      migrated: MEMORIES,
    });
    for (const { v1, migrated, quarantined } of report.tables) {
      expect(v1).toBe(migrated + quarantined);
    }
    expect(report.rows?.compared).toBe(report.tables.reduce((sum, { v1 }) => sum + v1, 0));
    expect(report.searches).toMatchObject({ queries: 32, recall: 1 });
    expect(report.replay?.calls).toBeGreaterThan(MEMORIES);
    expect((await checkStore(storeOf(directory))).isWhole).toBe(true);
    expect(formatMigrationReport(report)).toContain(`Migrated to ${storeOf(directory)}`);
    const after = tree(directory);
    for (const [name, bytes] of Object.entries(before)) {
      if (name !== '.') expect(after[name]).toBe(bytes);
    }

    const back = await rollBack(directory);
    expect(back).toMatchObject({ outcome: 'rolled-back', exitCode: 0, exported: undefined });
    expect(tree(directory)).toEqual(before);
    expect(existsSync(report.backup ?? '')).toBe(false);
    expect((await rollBack(directory)).exitCode).toBe(1);
  });

  it('has nothing to do the second time, and adds what v1 has written since', async () => {
    const directory = installation();
    await migrate(directory);
    expect(await migrate(directory)).toMatchObject({ outcome: 'already-migrated', exitCode: 3 });
    // A vacuum changes the bytes of the file, not what is in it.
    change(directory, 'VACUUM');
    expect(await migrate(directory, { dryRun: true })).toMatchObject({
      outcome: 'already-migrated',
      exitCode: 3,
    });
    expect(await migrate(directory)).toMatchObject({ exitCode: 3 });
    addPattern(directory, 'late');
    const before = withoutLog(tree(directory));
    const dry = await migrate(directory, { dryRun: true });
    expect(dry).toMatchObject({ outcome: 'would-migrate', exitCode: 0, lateRows: 1 });
    expect(formatMigrationReport(dry)).toContain('would be added: 1 rows');
    expect(withoutLog(tree(directory))).toEqual(before);
    expect(await validateDirectory(options(directory))).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('1 of '),
    });
    expect(await migrate(directory)).toMatchObject({
      outcome: 'updated',
      exitCode: 0,
      lateRows: 1,
    });
    const store = await openMemoryStore(storeOf(directory), { embedder: null });
    expect((await store.get('late'))?.content).toBe('text of late');
    await store.close();
    expect(await validateDirectory(options(directory))).toMatchObject({
      outcome: 'validated',
      exitCode: 0,
    });
  });

  it('carries what v1 writes while it runs, and says so', async () => {
    const directory = installation();
    const embedder = fakeEmbedder();
    let written = 0;
    const slow: Embedder = {
      ...embedder,
      embed: async (texts, priority) => {
        if (written < 2) addPattern(directory, `meanwhile-${(written += 1)}`);
        return embedder.embed(texts, priority);
      },
    };
    const report = await migrate(directory, { embedder: slow });
    expect(report).toMatchObject({ outcome: 'migrated', exitCode: 0, lateRows: written });
    expect(written).toBeGreaterThan(0);
    expect(report.tables.find(({ table }) => table === 'patterns')?.migrated).toBe(
      MEMORIES + written,
    );
  });

  it('writes nothing in a dry run and says the same', async () => {
    const directory = installation();
    change(directory, `INSERT INTO pattern_links VALUES ('ghost', 'ghost', 'r', 0.5, 'x')`);
    const before = tree(directory);
    const dry = await migrate(directory, { dryRun: true });
    expect(dry).toMatchObject({ outcome: 'would-migrate', exitCode: 2, store: undefined });
    expect(dry.estimate?.texts).toBeGreaterThan(0);
    expect(dry.estimate?.bytesNeeded).toBeGreaterThan(0);
    expect(tree(directory)).toEqual(before);
    expect(existsSync(`${directory}.v1-backup`)).toBe(false);
    const real = await migrate(directory);
    expect(real).toMatchObject({ outcome: 'migrated', exitCode: 2 });
    expect(real.tables).toEqual(dry.tables);
    expect(real.quarantined).toEqual(dry.quarantined);
    expect(real.quarantined).toMatchObject([
      { table: 'pattern_links', reason: 'link-end-missing', key: 'ghost\u001fghost\u001fr' },
    ]);
    expect(formatMigrationReport(real)).toContain('link-end-missing');
  });

  it('exports what was written to v2 before it goes back', async () => {
    const directory = installation();
    const before = tree(directory);
    await migrate(directory);
    const store = await openMemoryStore(storeOf(directory), { embedder: null });
    await store.put({ id: 'new', content: 'learned with v2', namespace: 'team' });
    expect(await rollBack(directory)).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('is opened by'),
    });
    await store.close();
    const report = await rollBack(directory, true);
    expect(report).toMatchObject({ outcome: 'rolled-back', exportedRecords: 1 });
    expect(tree(directory)).toEqual(before);
    expect(existsSync(report.backup ?? '')).toBe(true);
    const again = await openMemoryStore(scratch('again.db'), { embedder: null });
    await again.importFrom(report.exported ?? '');
    expect(await again.get('new', { namespace: 'team' })).toMatchObject({
      content: 'learned with v2',
    });
    await again.close();
  });

  it('leaves nothing behind when it fails', async () => {
    const directory = installation();
    const before = tree(directory);
    const broken = {
      ...fakeEmbedder(),
      embed: async () => Promise.reject(new Error('the model is gone')),
    };
    const failed = await migrate(directory, { embedder: broken });
    expect(failed).toMatchObject({ outcome: 'failed', exitCode: 1, store: undefined });
    expect(failed.error).toContain('the model is gone');
    expect(tree(directory)).toEqual(before);
    expect(existsSync(`${directory}.v1-backup`)).toBe(false);
  });

  it('keeps what it has when it is interrupted, and goes on', async () => {
    const directory = installation();
    const first = await interrupt(directory);
    const dry = await migrate(directory, { dryRun: true });
    expect(formatMigrationReport(dry)).toContain('was begun and stopped');
    const second = await migrate(directory);
    expect(second.error).toBeUndefined();
    expect(second).toMatchObject({ outcome: 'migrated', exitCode: 0, backup: first.backup });
  });

  it('carries a store that came after the backup of a run that was stopped', async () => {
    const directory = installation();
    await interrupt(directory);
    const other = installation();
    mkdirSync(join(directory, 'data'));
    copyFileSync(join(other, '.swarm/memory.db'), join(directory, 'data/second.db'));
    const report = await migrate(directory);
    expect(report.error).toBeUndefined();
    expect(report).toMatchObject({ outcome: 'migrated', exitCode: 0 });
    expect(report.lateRows).toBeGreaterThan(MEMORIES);
  });

  it('says what is in quarantine also when only the settings were left to write', async () => {
    const directory = installation();
    change(directory, `INSERT INTO pattern_links VALUES ('ghost', 'ghost', 'r', 0.5, 'x')`);
    const stop = new AbortController();
    const onProgress = ({ phase }: { phase: string }): void => {
      if (phase === 'configuration') stop.abort(new Error('interrupted'));
    };
    const first = await migrate(directory, { signal: stop.signal, onProgress });
    expect(first.outcome).not.toBe('failed');
    const state = join(directory, '.agentic-flow/migration-work/state.json');
    expect(readFileSync(state, 'utf8')).toMatch(/"step": "(config|finish)"/);
    expect(await migrate(directory)).toMatchObject({
      outcome: 'migrated',
      exitCode: 2,
      quarantinedCount: 1,
    });
  });

  it('migrates two stores with the same keys and other rows', async () => {
    const directory = installation();
    const other = scratch('other');
    generateV1Installation(other, { memories: MEMORIES + 3, seed: 6 });
    const env = { CLAUDE_FLOW_DB_PATH: join(other, '.swarm/memory.db') };
    const report = await migrate(directory, { env });
    expect(report.error).toBeUndefined();
    expect(report).toMatchObject({ outcome: 'migrated', exitCode: 0 });
  });

  it('does nothing when the user says no', async () => {
    const directory = installation();
    const before = tree(directory);
    const report = await migrate(directory, { confirm: async () => false });
    expect(report).toMatchObject({ outcome: 'declined', exitCode: 1 });
    expect(tree(directory)).toEqual(before);
  });

  it('refuses what holds nothing of v1, and files in which nothing can be read', async () => {
    const missing = await migrate(scratch('none'));
    expect(missing).toMatchObject({ exitCode: 1, outcome: 'failed' });
    const empty = scratch('empty');
    mkdirSync(empty);
    expect(await migrate(empty)).toMatchObject({ outcome: 'nothing-to-migrate', exitCode: 3 });
    expect(readdirSync(empty)).toEqual([]);

    for (const bytes of [0, 100]) {
      const directory = installation();
      truncateSync(join(directory, '.swarm/memory.db'), bytes);
      const before = tree(directory);
      for (const dryRun of [true, false]) {
        const report = await migrate(directory, { dryRun });
        expect(report).toMatchObject({ exitCode: 1, outcome: 'failed' });
        expect(report.error).toContain('.swarm/memory.db');
      }
      expect(tree(directory)).toEqual(before);
    }
  });

  it('goes on past one file that cannot be read, and says so', async () => {
    const directory = installation();
    writeFileSync(join(directory, 'agentdb.db'), 'this is no database at all');
    const report = await migrate(directory);
    expect(report).toMatchObject({ outcome: 'migrated', exitCode: 2 });
    expect(formatMigrationReport(report)).toContain('agentdb.db: ');
  });
});
