import { DatabaseSync } from '@photostructure/sqlite';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { generateV1Installation } from '../../../examples/rolling-migration/generate.js';
import { checkStore, type Embedder, openMemoryStore } from '../../../src/memory/index.js';
import {
  formatMigrationReport,
  migrateDirectory,
  type MigrationOptions,
  rollBackDirectory,
  validateDirectory,
} from '../../../src/migrate/index.js';
import { fakeEmbedder, scratch } from '../memory/support.js';

const MEMORIES = 40;

/** A v1 installation without a home of its own. */
function installation(): string {
  const directory = scratch('installation');
  generateV1Installation(directory, { memories: MEMORIES, seed: 5 });
  return directory;
}

function change(directory: string, sql: string, name = '.swarm/memory.db'): void {
  const database = new DatabaseSync(join(directory, name), { enableForeignKeyConstraints: false });
  database.exec(sql);
  database.close();
}

function addPattern(directory: string, id: string): void {
  const data = JSON.stringify({ title: id, description: 'd', content: `text of ${id}` });
  change(
    directory,
    `INSERT INTO patterns (id, type, pattern_data) VALUES ('${id}', 'reasoning_memory', '${data}')`,
  );
}

/** Every file and folder below, with its bytes and times. */
function tree(directory: string): Record<string, string> {
  const entries = readdirSync(directory, { recursive: true }).map(String).sort();
  const described = ['.', ...entries].map((name) => {
    const path = join(directory, name);
    const { mode, mtimeMs } = lstatSync(path);
    const isFile = lstatSync(path).isFile();
    const bytes = isFile ? readFileSync(path).toString('base64') : '';
    return [name, `${mode} ${isFile ? mtimeMs.toFixed(2) : ''} ${bytes}`] as const;
  });
  return Object.fromEntries(described);
}

/** Without what comes and goes beside a store. */
function withoutLog(files: Record<string, string>): Record<string, string> {
  const names = Object.keys(files).filter(
    (name) => !/\.agentic-flow\/.*-(wal|shm|lock|journal)$/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, files[name] ?? '']));
}

const HOME = scratch('home');

function options(directory: string, embedder: Embedder = fakeEmbedder()) {
  return { directory, embedder, home: HOME, env: {} } satisfies MigrationOptions;
}

/** Stops a migration when it begins to embed. */
async function interrupt(directory: string, more: Partial<MigrationOptions> = {}) {
  const stop = new AbortController();
  const embedder = fakeEmbedder();
  const interrupted: Embedder = {
    ...embedder,
    embed: async (texts, priority) => {
      stop.abort(new Error('interrupted'));
      return embedder.embed(texts, priority);
    },
  };
  const report = await migrate(directory, {
    embedder: interrupted,
    signal: stop.signal,
    ...more,
  });
  expect(report).toMatchObject({ outcome: 'interrupted', exitCode: 1 });
  expect(report.error).toContain('run the same command again');
  return report;
}

const migrate = (directory: string, more: Partial<MigrationOptions> = {}) =>
  migrateDirectory({ ...options(directory), ...more });

const rollBack = (directory: string, keepBackup = false) =>
  rollBackDirectory({ directory, keepBackup });

const storeOf = (directory: string): string => join(directory, '.agentic-flow/memory.v2.db');

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

  it('goes on only as it was begun, and keeps what is there until it may', async () => {
    const directory = installation();
    const other = installation();
    const env = { CLAUDE_FLOW_DB_PATH: join(other, '.swarm/memory.db') };
    const first = await interrupt(directory, { env });
    const begun = Object.keys(withoutLog(tree(directory)));
    for (const [wrong, message] of [
      [{ env, home: scratch('other-home') }, '--home'],
      [{ env, backupPath: scratch('other-backup') }, 'backup'],
      [{ env, sideBySide: true }, 'side-by-side'],
      [{}, 'environment variables'],
    ] satisfies [Partial<MigrationOptions>, string][]) {
      const report = await migrate(directory, wrong);
      expect(report).toMatchObject({ outcome: 'failed', exitCode: 1 });
      expect(report.error).toContain(message);
      expect(Object.keys(withoutLog(tree(directory)))).toEqual(begun);
    }
    const validated = await validateDirectory(options(directory));
    expect(validated).toMatchObject({ exitCode: 1, error: expect.stringContaining('stopped') });
    const second = await migrate(directory, { env });
    expect(second).toMatchObject({ outcome: 'migrated', backup: first.backup });
    expect(second.stores.map(({ path }) => path)).toContain(env.CLAUDE_FLOW_DB_PATH);
    const changed = await migrate(directory, { env, sideBySide: true });
    expect(changed).toMatchObject({ exitCode: 1, error: expect.stringContaining('side-by-side') });
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

  it('does not replace a store that a program of v2 has made', async () => {
    const directory = installation();
    mkdirSync(join(directory, '.agentic-flow'));
    const store = await openMemoryStore(storeOf(directory), { embedder: null });
    await store.put({ id: 'precious', content: 'written before the migration' });
    await store.close();
    const before = tree(directory);
    for (const dryRun of [true, false]) {
      const report = await migrate(directory, { dryRun });
      expect(report).toMatchObject({ outcome: 'failed', exitCode: 1 });
      expect(report.error).toContain('store export');
      expect(tree(directory)).toEqual(before);
    }
  });

  it('does not replace one that came meanwhile either', async () => {
    const directory = installation();
    const embedder = fakeEmbedder();
    const slow: Embedder = {
      ...embedder,
      embed: async (texts, priority) => {
        if (!existsSync(storeOf(directory))) {
          const store = await openMemoryStore(storeOf(directory), { embedder: null });
          await store.put({ id: 'precious', content: 'written meanwhile' });
          await store.close();
        }
        return embedder.embed(texts, priority);
      },
    };
    expect(await migrate(directory, { embedder: slow })).toMatchObject({ outcome: 'failed' });
    const store = await openMemoryStore(storeOf(directory), { embedder: null });
    expect(await store.get('precious')).not.toBeNull();
    await store.close();
  });

  it('does one thing at a time to a directory', async () => {
    const directory = installation();
    const embedder = fakeEmbedder();
    const others: Awaited<ReturnType<typeof rollBack>>[] = [];
    const slow: Embedder = {
      ...embedder,
      embed: async (texts, priority) => {
        if (others.length === 0) {
          others.push(await rollBack(directory), await migrate(directory));
          await migrate(directory, { dryRun: true });
        }
        return embedder.embed(texts, priority);
      },
    };
    expect(await migrate(directory, { embedder: slow })).toMatchObject({ outcome: 'migrated' });
    for (const { exitCode, error } of others) {
      expect(exitCode).toBe(1);
      expect(error).toContain('is being migrated or rolled back by');
    }
  });

  it('takes back nothing of v1 where there is no migration to take back', async () => {
    const directory = installation();
    await migrate(directory);
    const { backup } = await rollBack(directory, true);
    expect(await rollBack(directory, true)).toMatchObject({ exitCode: 0 });
    addPattern(directory, 'written by v1 afterwards');
    const before = tree(directory);
    const refused = await rollBack(directory, true);
    expect(refused).toMatchObject({ exitCode: 1, outcome: 'failed' });
    expect(refused.error).toContain('is not migrated');
    expect(tree(directory)).toEqual(before);
    const named = await rollBackDirectory({ directory, backup, keepBackup: false });
    expect(named).toMatchObject({ exitCode: 0, outcome: 'rolled-back' });
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

  it('keeps a backup that was there before when it fails', async () => {
    const directory = installation();
    await migrate(directory);
    const { backup = '' } = await rollBack(directory, true);
    const broken = {
      ...fakeEmbedder(),
      embed: async () => Promise.reject(new Error('the model is gone')),
    };
    expect(await migrate(directory, { embedder: broken })).toMatchObject({ outcome: 'failed' });
    expect(existsSync(join(backup, 'backup.json'))).toBe(true);
    expect(existsSync(`${backup}-2`)).toBe(false);
  });

  it('says that a backup is gone, and what that means', async () => {
    const directory = installation();
    const { backup = '' } = await migrate(directory);
    rmSync(backup, { recursive: true });
    const again = await migrate(directory);
    expect(again).toMatchObject({ outcome: 'already-migrated', exitCode: 3 });
    expect(formatMigrationReport(again)).toContain('no way back to v1');
    const back = await rollBack(directory);
    expect(back).toMatchObject({ outcome: 'failed', exitCode: 1 });
    expect(back.error).toContain('is gone');
    // Of a migration that was stopped, the same.
    const other = installation();
    const before = tree(other);
    rmSync((await interrupt(other)).backup ?? '', { recursive: true });
    expect(await migrate(other)).toMatchObject({ outcome: 'failed', exitCode: 1 });
    expect(tree(other)).toEqual(before);
    expect(await migrate(other)).toMatchObject({ outcome: 'migrated', exitCode: 0 });
  });

  it('leaves a setting that was changed while it ran, which a rollback could not give back', async () => {
    const directory = installation();
    const settings = join(directory, '.mcp.json');
    const servers = (note: string): string =>
      JSON.stringify({ note, mcpServers: { 'claude-flow@alpha': { command: 'npx', args: [] } } });
    writeFileSync(settings, servers('before'));
    const embedder = fakeEmbedder();
    const slow: Embedder = {
      ...embedder,
      embed: async (texts, priority) => {
        writeFileSync(settings, servers('by the user meanwhile'));
        return embedder.embed(texts, priority);
      },
    };
    const report = await migrate(directory, { embedder: slow });
    expect(report).toMatchObject({ outcome: 'migrated', exitCode: 0 });
    expect(formatMigrationReport(report)).toContain('.mcp.json: was changed while the migration');
    expect(readFileSync(settings, 'utf8')).toBe(servers('by the user meanwhile'));
  });

  it('says where a link leads that it does not follow', async () => {
    const other = installation();
    const directory = scratch('linked');
    mkdirSync(directory);
    symlinkSync(join(other, '.swarm'), join(directory, '.swarm'));
    const report = await migrate(directory);
    expect(report).toMatchObject({ outcome: 'failed', exitCode: 1 });
    expect(report.error).toContain(`a link out of the directory to ${join(other, '.swarm')}`);
  });

  it('refuses a folder of its own that is none', async () => {
    const linked = installation();
    mkdirSync(`${linked}-elsewhere`);
    symlinkSync(`${linked}-elsewhere`, join(linked, '.agentic-flow'));
    const file = installation();
    writeFileSync(join(file, '.agentic-flow'), '');
    for (const directory of [linked, file]) {
      const report = await migrate(directory);
      expect(report).toMatchObject({ outcome: 'failed', exitCode: 1 });
      expect(report.error).toContain('needs a folder of its own');
      expect(existsSync(`${directory}.v1-backup`)).toBe(false);
    }
  });

  it('finishes a rollback that was stopped before it migrates again', async () => {
    const directory = installation();
    const before = tree(directory);
    const { backup = '' } = await migrate(directory);
    // As after a kill when files were given back, and what the migration added is still there.
    const journal = {
      format: 1,
      phase: 'remove',
      directory,
      home: HOME,
      since: `${directory}.since-migration`,
      exported: 0,
      keepStore: false,
      own: {},
      added: [],
    };
    writeFileSync(join(backup, 'rollback.json'), JSON.stringify(journal));
    for (const dryRun of [true, false]) {
      const report = await migrate(directory, { dryRun });
      expect(report).toMatchObject({ outcome: 'failed', exitCode: 1 });
      expect(report.error).toContain('finish it with --rollback');
    }
    expect(await rollBack(directory)).toMatchObject({ outcome: 'rolled-back', exitCode: 0 });
    expect(tree(directory)).toEqual(before);
    expect(await migrate(directory)).toMatchObject({ outcome: 'migrated', exitCode: 0 });
  });

  it('leaves the memory of a node alone', async () => {
    const node = scratch('node');
    generateV1Installation(join(node, 'v1'), { memories: 3, seed: 5 });
    writeFileSync(join(node, 'node.json'), '{}');
    writeFileSync(join(node, 'identity.pem'), '');
    const before = tree(node);
    for (const directory of [node, join(node, 'v1')]) {
      const report = await migrate(directory);
      expect(report).toMatchObject({ outcome: 'failed', exitCode: 1 });
      expect(report.error).toContain('agentic-flow rollout');
    }
    expect(tree(node)).toEqual(before);
  });

  it('is rolled back where it was migrated', async () => {
    const directory = installation();
    await migrate(directory);
    renameSync(directory, `${directory}-moved`);
    const moved = await rollBack(`${directory}-moved`);
    expect(moved).toMatchObject({ outcome: 'failed', exitCode: 1 });
    expect(moved.error).toContain('move it back');
    renameSync(`${directory}-moved`, directory);
    expect(await rollBack(directory)).toMatchObject({ outcome: 'rolled-back', exitCode: 0 });
  });

  it('reports a directory that cannot be looked at', async () => {
    const loop = scratch('loop');
    symlinkSync(loop, loop);
    const file = scratch('file');
    writeFileSync(file, 'no directory');
    for (const directory of [loop, file]) {
      expect(await migrate(directory)).toMatchObject({ outcome: 'failed', exitCode: 1 });
      expect(await rollBack(directory)).toMatchObject({ outcome: 'failed', exitCode: 1 });
    }
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
