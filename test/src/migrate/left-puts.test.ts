/** Puts that were acknowledged and that a kill left in the log of the store: whoever reads its file has them too. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

import { Database } from '../../../src/memory/database.js';
import { backupStore, checkStore, openMemoryStore } from '../../../src/memory/index.js';
import { bringInLeftPuts } from '../../../src/memory/store/left-puts.js';
import { StoreLock } from '../../../src/memory/store/lock.js';
import { scratch } from '../memory/support.js';
import { addPattern, HOME, installation, migrate, rollBack, storeOf, tree } from './support.js';

const COUNT = 40;

/** Acknowledges so many puts, and is killed. */
async function killedWriter(store: string, count = COUNT): Promise<void> {
  const script = fileURLToPath(new URL('puts-child.js', import.meta.url));
  const child = spawn(process.execPath, [script, store, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [said] = (await Promise.race([once(child.stdout, 'data'), ended])) as [unknown];
  expect(String(said)).toBe('acknowledged\n');
  child.kill('SIGKILL');
  await ended;
  expect(existsSync(`${store}-puts`)).toBe(true);
  expect(acknowledgedIn(store)).toBe(0);
}

/** Of these puts, those that the SQLite file has. */
function acknowledgedIn(store: string): number {
  const database = Database.open(store, { readOnly: true });
  try {
    return database.number(`SELECT count(*) FROM records WHERE id LIKE 'acknowledged-%'`);
  } finally {
    database.close();
  }
}

function exportedIds(path: string | undefined): string[] {
  const lines = readFileSync(path ?? '', 'utf8')
    .trim()
    .split('\n');
  return lines.flatMap((line) => {
    const { record } = JSON.parse(line) as { record?: { id: string } };
    return record === undefined ? [] : [record.id];
  });
}

/** The store has its place, and the archive has not. */
function asKilledWhilePlacing(directory: string): void {
  const folder = join(directory, '.agentic-flow');
  const { backup, home, mode, sources, changed, added } = JSON.parse(
    readFileSync(join(folder, 'migration.json'), 'utf8'),
  ) as Record<string, unknown>;
  const work = join(folder, 'migration-work');
  mkdirSync(work);
  renameSync(join(folder, 'v1-rows.db'), join(work, 'v1-rows.db'));
  rmSync(join(folder, 'migration.json'));
  const state = { format: 1, step: 'finish', mode, home, backup, sources, changed, added };
  writeFileSync(join(work, 'state.json'), JSON.stringify(state));
  expect(home).toBe(HOME);
}

const IDS = Array.from({ length: COUNT }, (_, i) => `acknowledged-${i}`);

describe('puts that a killed process left in the log', () => {
  it('are in what a rollback exports', async () => {
    const directory = installation();
    const before = tree(directory);
    await migrate(directory);
    await killedWriter(storeOf(directory));
    const report = await rollBack(directory);
    expect(report.error).toBeUndefined();
    expect(report).toMatchObject({ outcome: 'rolled-back', exitCode: 0, exportedRecords: COUNT });
    expect(exportedIds(report.exported)).toEqual(IDS);
    expect(tree(directory)).toEqual(before);
    const store = await openMemoryStore(scratch('again.db'), { embedder: null });
    expect((await store.importFrom(report.exported ?? '')).records).toBe(COUNT);
    await store.close();
  });

  it('stop a rollback while their log is damaged', async () => {
    const directory = installation();
    await migrate(directory);
    await killedWriter(storeOf(directory));
    const log = `${storeOf(directory)}-puts`;
    const bytes = readFileSync(log);
    bytes[bytes.indexOf('number 3"') + 7] = 0x39;
    writeFileSync(log, bytes);
    const before = tree(directory);
    const report = await rollBack(directory);
    expect(report).toMatchObject({ outcome: 'failed', exitCode: 1 });
    expect(report.error).toContain('the log of puts');
    expect(report.error).toContain('nothing was changed');
    expect(tree(directory)[join('.agentic-flow', 'memory.v2.db-puts')]).toBe(
      before[join('.agentic-flow', 'memory.v2.db-puts')],
    );
  });

  it('are there when rows that v1 wrote late are carried', async () => {
    const directory = installation();
    await migrate(directory);
    await killedWriter(storeOf(directory));
    addPattern(directory, 'late');
    expect(await migrate(directory)).toMatchObject({ outcome: 'updated', lateRows: 1 });
    expect(acknowledgedIn(storeOf(directory))).toBe(COUNT);
    expect(existsSync(`${storeOf(directory)}-puts`)).toBe(false);
    const store = await openMemoryStore(storeOf(directory), { create: false, embedder: null });
    expect((await store.get('late'))?.content).toBe('text of late');
    expect((await store.get('acknowledged-7'))?.content).toBe('number 7');
    await store.close();
    expect(await rollBack(directory)).toMatchObject({ exportedRecords: COUNT });
  });

  it('are in the store that is set aside when there is no archive to compare with', async () => {
    const directory = installation();
    const before = tree(directory);
    await migrate(directory);
    await killedWriter(storeOf(directory));
    rmSync(join(directory, '.agentic-flow/v1-rows.db'));
    const report = await rollBack(directory);
    expect(report.error).toBeUndefined();
    expect(report).toMatchObject({ outcome: 'rolled-back', exitCode: 0 });
    expect(tree(directory)).toEqual(before);
    const kept = join(`${directory}.since-migration`, 'added/.agentic-flow/memory.v2.db');
    const store = await openMemoryStore(kept, { create: false, embedder: null });
    expect((await store.get('acknowledged-7'))?.content).toBe('number 7');
    await store.close();
  });

  it('are exported when the migration was killed before the archive had its place', async () => {
    const directory = installation();
    await migrate(directory);
    await killedWriter(storeOf(directory));
    asKilledWhilePlacing(directory);
    expect(await rollBack(directory)).toMatchObject({ exitCode: 0, exportedRecords: COUNT });
  });

  it('keep a store where it is when the run that gave it its place fails later', async () => {
    const directory = installation();
    await migrate(directory);
    await killedWriter(storeOf(directory));
    asKilledWhilePlacing(directory);
    // A state that cannot be gone on with: the settings of its backup are gone.
    const backup = `${directory}.v1-backup`;
    renameSync(backup, `${backup}.away`);
    expect(await migrate(directory)).toMatchObject({ outcome: 'failed', exitCode: 1 });
    expect(acknowledgedIn(storeOf(directory))).toBe(COUNT);
    renameSync(`${backup}.away`, backup);
    expect(await migrate(directory)).toMatchObject({
      outcome: 'failed',
      error: expect.stringContaining('store export'),
    });
    expect(acknowledgedIn(storeOf(directory))).toBe(COUNT);
  });

  it('are in a backup, and are counted by a check', async () => {
    const path = scratch('store.db');
    const made = await openMemoryStore(path, { embedder: null });
    await made.close();
    await killedWriter(path);
    expect(await checkStore(path)).toMatchObject({ isWhole: true, records: 0, leftPuts: COUNT });
    const to = scratch('copy.db');
    expect((await backupStore(path, to)).records).toBe(COUNT);
    expect(await checkStore(path)).toMatchObject({ records: COUNT, leftPuts: 0 });
  });

  it('are brought in by one who has the lock, who keeps it', async () => {
    const path = scratch('store.db');
    await (await openMemoryStore(path, { embedder: null })).close();
    await killedWriter(path, 3);
    const lock = StoreLock.take(path);
    expect(() => bringInLeftPuts(path)).toThrow('is opened by this process');
    bringInLeftPuts(path, lock);
    expect(acknowledgedIn(path)).toBe(3);
    expect(() => StoreLock.take(path)).toThrow('is opened by this process');
    lock.release();
    bringInLeftPuts(path);
  });
});
