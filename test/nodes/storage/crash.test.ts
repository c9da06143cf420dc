import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import {
  RaftLogStore,
  StorageError,
  atomicWriteFile,
  lockDirectory,
  nodeDisk,
} from '../../../nodes/storage/index.js';

const WRITER = fileURLToPath(new URL('crash-writer.js', import.meta.url));
const directories: string[] = [];

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'raft-log-'));
  directories.push(made);
  return made;
}

afterEach(() => {
  for (const made of directories.splice(0)) rmSync(made, { recursive: true, force: true });
});

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

/** Runs the writer until it has acknowledged `count` entries, then kills it. */
async function killAfter(path: string, count: number): Promise<number> {
  const child = fork(WRITER, [path], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  let acknowledged = 0;
  const exit = ended(child);
  await new Promise<void>((resolve, reject) => {
    child.on('message', (index) => {
      acknowledged = index as number;
      if (acknowledged >= count) resolve();
    });
    child.once('exit', () => reject(new Error('the writer ended by itself')));
  });
  child.kill('SIGKILL');
  await exit;
  return acknowledged;
}

describe('a process that is killed', () => {
  it('has lost nothing that it acknowledged', async () => {
    const path = directory();
    let atLeast = 0;
    for (const more of [40, 25, 60]) {
      atLeast = await killAfter(path, atLeast + more);
      const { store, restored } = await RaftLogStore.open(path, { clusterId: 'c' });
      const snapshotIndex = restored.snapshot?.meta.index ?? 0;
      const last = snapshotIndex + restored.entries.length;
      expect(last).toBeGreaterThanOrEqual(atLeast);
      for (const { index, data } of restored.entries) {
        expect(Buffer.from(data).readUInt32LE(0)).toBe(index);
      }
      await store.close();
      atLeast = last;
    }
  });

  it('leaves no lock behind', async () => {
    const path = directory();
    const child = fork(WRITER, [path, 'lock'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const exit = ended(child);
    await new Promise((resolve) => child.once('message', resolve));
    let refused: unknown;
    try {
      lockDirectory(path);
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(StorageError);
    expect(refused).toMatchObject({ code: 'locked', detail: { pid: child.pid } });
    expect((refused as Error).message).toContain(String(child.pid));
    child.kill('SIGKILL');
    await exit;
    const lock = lockDirectory(path);
    expect(() => lockDirectory(path)).toThrow(/in use/);
    lock.release();
    lock.release();
    lockDirectory(path).release();
  });
});

describe('the disk of this machine', () => {
  it('replaces a file as a whole', async () => {
    const path = join(directory(), 'file');
    await atomicWriteFile(path, Buffer.from('one'));
    await atomicWriteFile(path, Buffer.from('two'));
    expect(Buffer.from(await nodeDisk.read(path)).toString()).toBe('two');
    await expect(atomicWriteFile(join(path, 'below'), Buffer.from('x'))).rejects.toMatchObject({
      code: 'io',
    });
  });

  it('takes thousands of appends with few syncs', async () => {
    const { store } = await RaftLogStore.open(directory(), { clusterId: 'c' });
    const data = new Uint8Array(64);
    const appends = Array.from({ length: 2000 }, (_, at) =>
      store.append({ entries: [{ term: 1, index: at + 1, type: 'normal', data }] }),
    );
    await Promise.all(appends);
    expect(store.syncCount).toBeLessThan(20);
    await store.close();
  });
});
