/** One store, several programs, callers that wait and callers that cannot. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { openProject } from '../../../src/compat/index.js';
import { IDLE_MS } from '../../../src/compat/limits.js';
import { sessionAt } from '../../../src/compat/session.js';
import { openMemoryStore } from '../../../src/memory/index.js';
import { inProjects } from './support.js';

const { places } = inProjects();
/** Programs that share a busy machine take their time. */
const SOON = { timeout: 180_000, interval: 20 };
const record = (id: string) => ({ id, content: `content of ${id}`, vector: null });

/** Puts records of its own without a pause, and names each that was acknowledged. */
async function writer(directory: string, prefix: string) {
  const script = new URL('writer-child.js', import.meta.url).pathname;
  const file = join(directory, `${prefix}.acknowledged`);
  const child = spawn(process.execPath, [script, directory, prefix, file], { stdio: 'inherit' });
  const acknowledged = (): string[] =>
    existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  await vi.waitUntil(() => acknowledged().length > 0, SOON);
  return { child, acknowledged };
}

describe('a session', () => {
  it('gives a write back to whoever reads next, in this program and another', async () => {
    const project = openProject(places().directory);
    project.records.put(record('a'));
    expect(project.records.get('default', 'a')?.content).toBe('content of a');
    project.close();
    const store = await openMemoryStore(places().store, { embedder: null });
    expect((await store.get('a'))?.content).toBe('content of a');
    await store.close();
  });

  it('lets go of the store when it is idle, and takes it again', async () => {
    const project = openProject(places().directory);
    project.records.put(record('a'));
    const session = sessionAt(places().store);
    expect(session.isHeld).toBe(true);
    await delay(IDLE_MS + 300);
    expect(session.isHeld).toBe(false);
    expect(project.records.get('default', 'a')).not.toBeNull();
    expect(session.isHeld).toBe(true);
  });

  it('waits for a store that this process has elsewhere, and gives up where it cannot let go', async () => {
    const project = openProject(places().directory, { lockWaitMs: 300 });
    project.records.put(record('a'));
    project.close();
    const store = await openMemoryStore(places().store, { embedder: null });
    expect(() => project.records.get('default', 'a')).toThrow(/opened by this process/);
    const waiting = project.records.session.useAsync((host) => host.file.path, {
      lockWaitMs: 5000,
    });
    await delay(50);
    await store.close();
    expect(await waiting).toBe(places().store);
  });

  it('shares the store with other threads of its process', async () => {
    const url = new URL('writer-child.js', import.meta.url);
    const project = openProject(places().directory);
    project.records.put(record('mine'));
    const file = join(places().directory, 'thread.acknowledged');
    const worker = new Worker(url, { argv: [places().directory, 'thread', file, '30'] });
    const ended = once(worker, 'exit');
    // Blocks this thread as long as the other one has the store.
    for (let count = 0; count < 30; count += 1) {
      project.records.put(record(`mine-${count}`));
      await delay(50);
    }
    await ended;
    const found = [...project.records.scan('default')].map(({ id }) => id);
    expect(found).toEqual(expect.arrayContaining(['mine', 'mine-29', 'thread-0', 'thread-29']));
  });

  it('refuses writes and makes no file when it was opened to be read', () => {
    const project = openProject(places().directory, { readOnly: true });
    expect(() => project.records.get('default', 'a')).toThrow(/does not exist/);
    expect(existsSync(places().store)).toBe(false);
    openProject(places().directory).records.put(record('a'));
    expect(project.records.get('default', 'a')?.id).toBe('a');
    expect(() => project.records.put(record('b'))).toThrow(/opened to be read/);
  });

  it('shares the store with another program that never pauses', async () => {
    const other = await writer(places().directory, 'other');
    const project = openProject(places().directory);
    for (const id of ['mine-1', 'mine-2', 'mine-3']) {
      project.records.put(record(id));
      // Gives the store to the other one.
      project.close();
      await delay(100);
    }
    const before = other.acknowledged().length;
    await vi.waitUntil(() => other.acknowledged().length > before, SOON);
    other.child.kill('SIGKILL');
    await once(other.child, 'close');
    const found = [...project.records.scan('default')].map(({ id }) => id);
    expect(found).toEqual(expect.arrayContaining(['mine-1', 'mine-2', 'mine-3']));
    expect(found).toEqual(expect.arrayContaining(other.acknowledged()));
  });

  it('has every write that it acknowledged after it was killed, one of two at once included', async () => {
    const [one, two] = [
      await writer(places().directory, 'one'),
      await writer(places().directory, 'two'),
    ];
    await vi.waitUntil(() => one.acknowledged().length > 0 && two.acknowledged().length > 0, SOON);
    await delay(300);
    for (const { child } of [one, two]) child.kill('SIGKILL');
    await Promise.all([once(one.child, 'close'), once(two.child, 'close')]);
    const found = new Set(
      [...openProject(places().directory).records.scan('default')].map(({ id }) => id),
    );
    const acknowledged = [...one.acknowledged(), ...two.acknowledged()];
    expect(one.acknowledged().length).toBeGreaterThan(0);
    expect(two.acknowledged().length).toBeGreaterThan(0);
    expect(acknowledged.filter((id) => !found.has(id))).toEqual([]);
  });
});
