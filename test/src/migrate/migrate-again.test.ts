/** Migrations that were stopped, begun otherwise, beside others, or beside what others made. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { generateV1Installation } from '../../../examples/rolling-migration/generate.js';
import { openMemoryStore, type Embedder } from '../../../src/memory/index.js';
import {
  formatMigrationReport,
  rollBackDirectory,
  validateDirectory,
  type MigrationOptions,
} from '../../../src/migrate/index.js';
import { fakeEmbedder, scratch } from '../memory/support.js';
import {
  HOME,
  addPattern,
  installation,
  interrupt,
  migrate,
  options,
  rollBack,
  storeOf,
  tree,
  withoutLog,
} from './support.js';

describe('a directory that is not only v1', () => {
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
});
