import { describe, expect, it } from 'vitest';
import {
  DIRECTORY,
  FIRST,
  codeOf,
  entries,
  entry,
  framesAt,
  meta,
  open,
  reopen,
  terms,
} from './log-fixtures.js';
import { MemoryDisk } from './memory-disk.js';

describe('what was appended', () => {
  it('is there after a restart, with hard state and contents', async () => {
    const disk = new MemoryDisk();
    const { store, restored } = await open(disk);
    expect(restored).toEqual({
      hardState: { term: 0, vote: 0, commit: 0 },
      snapshot: null,
      entries: [],
    });
    await store.append({ hardState: { term: 1, vote: 2, commit: 0 }, entries: entries(1, 3) });
    await store.append({ hardState: { term: 1, vote: 2, commit: 3 }, entries: [entry(4)] });
    const found = await reopen(disk.afterPowerCut());
    expect(found.hardState).toEqual({ term: 1, vote: 2, commit: 3 });
    expect(found.entries.map(({ data }) => Buffer.from(data).toString())).toEqual([
      'e1',
      'e2',
      'e3',
      'e4',
    ]);
    expect(found.warnings).toEqual([]);
  });

  it('is replaced by later entries of the same index, and so is all after it', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    await store.append({ entries: entries(1, 5) });
    await store.append({ entries: entries(3, 4, 2) });
    expect(terms(await reopen(disk))).toBe('1/1 1/2 2/3 2/4');
  });

  it('is acknowledged after the sync, and calls meanwhile share the next one', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    let release: (() => void) | undefined;
    disk.syncDelay = () => new Promise((resolve) => (release = resolve));
    const acknowledged: number[] = [];
    const appends = [1, 2, 3, 4, 5].map(async (index) => {
      if (index > 1) await Promise.resolve();
      await store.append({ entries: [entry(index)] });
      acknowledged.push(index);
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(acknowledged).toEqual([]);
    const durable = disk.durable.get(`${DIRECTORY}/${FIRST}`)!;
    expect(durable.subarray(8192).every((byte) => byte === 0)).toBe(true);
    release?.();
    disk.syncDelay = () => Promise.resolve();
    await Promise.all(appends);
    expect(acknowledged).toEqual([1, 2, 3, 4, 5]);
    expect(store.syncCount).toBeLessThanOrEqual(2);
    expect(terms(await reopen(disk.afterPowerCut()))).toBe('1/1 1/2 1/3 1/4 1/5');
  });

  it('never waits longer in memory than until the next sync for a new commit index', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    await store.append({ hardState: { term: 1, vote: 1, commit: 0 }, entries: entries(1, 2) });
    const { syncCount } = store;
    await store.append({ hardState: { term: 1, vote: 1, commit: 2 }, entries: [], sync: false });
    expect(store.syncCount).toBe(syncCount);
    await store.append({ entries: [entry(3)] });
    expect((await reopen(disk.afterPowerCut())).hardState.commit).toBe(2);
    // A vote is synced whatever the caller says.
    await store.append({ hardState: { term: 2, vote: 3, commit: 2 }, entries: [], sync: false });
    expect((await reopen(disk.afterPowerCut())).hardState).toMatchObject({ term: 2, vote: 3 });
    await store.append({ hardState: { term: 2, vote: 3, commit: 3 }, entries: [], sync: false });
    await store.close();
    expect((await reopen(disk.afterPowerCut())).hardState.commit).toBe(3);
    expect(await codeOf(store.append({ entries: [entry(4)] }))).toBe('closed');
  });

  it('survives many segments, of which any may become the first', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk, 300);
    for (let index = 1; index <= 40; index += 1) {
      const hardState = index === 1 ? { term: 1, vote: 3, commit: 0 } : undefined;
      await store.append({ hardState, entries: [entry(index)] });
    }
    const segments = disk.names().length;
    expect(segments).toBeGreaterThan(3);
    await store.saveSnapshot(meta(35), Buffer.from('state'));
    expect(disk.names().length).toBeLessThan(segments);
    expect(disk.names()).not.toContain(FIRST);
    const found = await reopen(disk.afterPowerCut());
    expect(terms(found)).toBe('1/36 1/37 1/38 1/39 1/40');
    expect(found.hardState).toEqual({ term: 1, vote: 3, commit: 35 });
    expect(found.snapshot?.meta).toEqual(meta(35));
    expect(Buffer.from(found.snapshot!.data).toString()).toBe('state');
  });

  it('goes on after a restart in the same segment, which may then become the first', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk, 200);
    await store.append({ hardState: { term: 4, vote: 2, commit: 0 }, entries: entries(1, 9, 4) });
    await new Promise((resolve) => setImmediate(resolve));
    await store.append({ entries: [entry(10, 4)] });
    await store.close();
    // A segment into which nothing was written yet, and before it none that says it is there.
    const last = disk.names().at(-1)!;
    expect(last).not.toBe(FIRST);
    const [first, second] = [disk.bytes(DIRECTORY, FIRST), disk.bytes(DIRECTORY, last)];
    second.fill(0, 8192);
    const seal = framesAt(first).at(-1)!;
    first.fill(0, seal.offset);
    first.fill(0, seal.slot, seal.slot + 64);
    const again = await open(disk, 200);
    expect(terms(again.restored)).toBe('4/1 4/2 4/3 4/4 4/5 4/6 4/7 4/8 4/9');
    await again.store.append({ entries: [entry(10, 4)] });
    const sealed = disk.copy();
    for (const name of sealed.names()) {
      if (name >= last) sealed.files.delete(`${DIRECTORY}/${name}`);
    }
    expect(sealed.names()).toEqual([FIRST]);
    expect(await codeOf(open(sealed))).toBe('damaged');
    await again.store.saveSnapshot(meta(9, 4), Buffer.from(''));
    expect(disk.names()).not.toContain(FIRST);
    expect((await reopen(disk)).hardState).toMatchObject({ term: 4, vote: 2 });
  });
});

describe('a snapshot', () => {
  it('of an entry in the log leaves what follows; any other replaces the log', async () => {
    for (const [index, term, expected] of [
      [3, 1, '1/4 1/5'],
      [3, 2, ''],
      [9, 1, ''],
    ] as const) {
      const disk = new MemoryDisk();
      const { store } = await open(disk);
      await store.append({ entries: entries(1, 5) });
      await store.saveSnapshot(meta(index, term), Buffer.from('s'));
      expect(terms(await reopen(disk))).toBe(expected);
      await store.append({ entries: [entry(index + 1, 3)] });
      expect(terms(await reopen(disk))).toBe(`3/${index + 1}`);
    }
  });

  it('that a crash kept from being marked in the log still counts', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    await store.append({ hardState: { term: 1, vote: 2, commit: 5 }, entries: entries(1, 5) });
    const before = Buffer.from(disk.bytes(DIRECTORY, FIRST));
    await store.saveSnapshot(meta(9, 3), Buffer.from('s'));
    disk.put(`${DIRECTORY}/${FIRST}`, before);
    const found = await reopen(disk);
    expect(terms(found)).toBe('');
    // The vote of the later term had not left this node.
    expect(found.hardState).toEqual({ term: 3, vote: 0, commit: 9 });
  });

  it('that was not marked before a crash is, so that what follows it stays', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    await store.append({ entries: entries(1, 5) });
    const before = Buffer.from(disk.bytes(DIRECTORY, FIRST));
    await store.saveSnapshot(meta(3, 2), Buffer.from('s'));
    disk.put(`${DIRECTORY}/${FIRST}`, before);
    const again = await open(disk);
    expect(terms(again.restored)).toBe('');
    await again.store.append({ entries: [entry(4, 3)] });
    expect(terms(await reopen(disk.afterPowerCut()))).toBe('3/4');
  });

  it('replaces the one before, and unfinished ones are swept up', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    await store.append({ entries: entries(1, 9) });
    await store.saveSnapshot(meta(3), Buffer.from('three'));
    await store.saveSnapshot(meta(5), Buffer.from('five'));
    await store.saveSnapshot(meta(4), Buffer.from('four'));
    expect(disk.names().filter((name) => name.endsWith('.snap'))).toHaveLength(1);
    disk.put(`${DIRECTORY}/snapshot-00000000000007.snap.unfinished`, Buffer.from('x'));
    const found = await reopen(disk);
    expect(Buffer.from(found.snapshot!.data).toString()).toBe('five');
    expect(disk.names().some((name) => name.includes('unfinished'))).toBe(false);
  });

  it('is synced before it is renamed, and the directory after', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    await store.append({ entries: entries(1, 3) });
    disk.operations.length = 0;
    await store.saveSnapshot(meta(2), Buffer.from('s'));
    const order = disk.operations.map(([what]) => what);
    expect(order.slice(0, 7)).toEqual([
      'remove',
      'open',
      'write',
      'datasync',
      'synced',
      'rename',
      'syncDirectory',
    ]);
  });

  it('that does not fit leaves the store at work', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    await store.append({ entries: entries(1, 3) });
    disk.failing = (what, name) =>
      name.includes('snap') && what === 'write' ? 'ENOSPC' : undefined;
    expect(await codeOf(store.saveSnapshot(meta(2), Buffer.from('s')))).toBe('disk-full');
    disk.failing = () => undefined;
    await store.append({ entries: [entry(4)] });
    const found = await reopen(disk);
    expect(found.snapshot).toBeNull();
    expect(terms(found)).toBe('1/1 1/2 1/3 1/4');
  });
});

describe('a disk that fails', () => {
  it('poisons the store at the first failed write or sync', async () => {
    for (const [failing, code, expected] of [
      ['write', 'ENOSPC', 'disk-full'],
      ['write', 'EROFS', 'read-only'],
      ['datasync', 'EIO', 'io'],
    ] as const) {
      const disk = new MemoryDisk();
      const { store } = await open(disk);
      await store.append({ entries: [entry(1)] });
      disk.failing = (what) => (what === failing ? code : undefined);
      const both = [store.append({ entries: [entry(2)] }), store.append({ entries: [entry(3)] })];
      expect(await Promise.all(both.map(codeOf))).toEqual([expected, expected]);
      // It works again, but what happened to the lost pages is not known.
      disk.failing = () => undefined;
      expect(await codeOf(store.append({ entries: [entry(4)] }))).toBe(expected);
      expect(await codeOf(store.saveSnapshot(meta(1), Buffer.from('')))).toBe(expected);
      expect(store.failed?.detail.systemCode).toBe(code);
      await store.close();
      expect(terms(await reopen(disk.afterPowerCut()))).toBe('1/1');
    }
  });

  it('is told when opening', async () => {
    const disk = new MemoryDisk();
    disk.failing = (what) => (what === 'open' ? 'EACCES' : undefined);
    expect(await codeOf(open(disk))).toBe('read-only');
  });

  it('has room for appends while none for another segment', async () => {
    const disk = new MemoryDisk();
    disk.failing = (what, name) => (what === 'write' && name !== FIRST ? 'ENOSPC' : undefined);
    disk.put(`${DIRECTORY}/${FIRST}`, (await emptyLog()).bytes(DIRECTORY, FIRST));
    const { store } = await open(disk, 100);
    for (let index = 1; index <= 20; index += 1) await store.append({ entries: [entry(index)] });
    expect(disk.names().filter((name) => name.endsWith('.wal'))).toEqual([FIRST]);
    // Once there is space, the next segment is begun.
    disk.failing = () => undefined;
    for (let index = 21; index <= 25; index += 1) await store.append({ entries: [entry(index)] });
    expect(disk.names().filter((name) => name.endsWith('.wal')).length).toBeGreaterThan(1);
    await store.close();
    expect(terms(await reopen(disk.afterPowerCut()))).toBe(terms({ entries: entries(1, 25) }));
  });

  it('is not hidden when all slots of a segment are used and the next one does not fit', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk, 100);
    disk.failing = (what, name) => (what === 'write' && name !== FIRST ? 'ENOSPC' : undefined);
    let code = 'none';
    let index = 0;
    while (code === 'none' && index < 100) {
      index += 1;
      code = await codeOf(store.append({ entries: [entry(index)] }));
    }
    expect([code, index]).toEqual(['disk-full', 64]);
    await store.close();
    disk.failing = () => undefined;
    expect(terms(await reopen(disk))).toBe(terms({ entries: entries(1, 63) }));
  });

  it('at the seal of a segment stops the store, and nothing is lost', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk, 100);
    await store.append({ entries: entries(1, 5) });
    let syncs = 0;
    disk.failing = (what, name) => {
      if (what !== 'datasync' || name !== FIRST) return undefined;
      syncs += 1;
      return 'EIO';
    };
    expect(await codeOf(store.append({ entries: [entry(6)] }))).toBe('io');
    expect(syncs).toBe(1);
    await store.close();
    const after = disk.afterPowerCut();
    const { store: again, restored } = await open(after, 100);
    expect(terms(restored)).toBe('1/1 1/2 1/3 1/4 1/5');
    await again.append({ entries: [entry(6)] });
    await again.close();
    expect(terms(await reopen(after.afterPowerCut()))).toBe('1/1 1/2 1/3 1/4 1/5 1/6');
  });
});

describe('files of others', () => {
  it('are refused by cluster and by version', async () => {
    const disk = await emptyLog();
    expect(await codeOf(open(disk, 1000, 'swarm-2'))).toBe('other-cluster');
    for (const at of [8, 4096 + 8]) disk.bytes(DIRECTORY, FIRST).writeUInt32LE(3, at);
    expect(await codeOf(open(disk))).toBe('newer-version');
  });
});

async function emptyLog(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await (await open(disk, 100)).store.close();
  return disk;
}
