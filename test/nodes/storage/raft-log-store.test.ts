import { describe, expect, it } from 'vitest';
import type { Entry, SnapshotMeta } from '../../../consensus/raft/index.js';
import { RaftLogStore, type RestoredLog, StorageError } from '../../../nodes/storage/index.js';
import { MemoryDisk } from './memory-disk.js';

const DIRECTORY = '/data';
const FIRST = 'log-00000000000001.wal';
const CLUSTER = 'swarm-1';

function entry(index: number, term = 1, text = `e${index}`): Entry {
  return { term, index, type: 'normal', data: Buffer.from(text) };
}

function entries(from: number, to: number, term = 1): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => entry(from + at, term));
}

function meta(index: number, term = 1): SnapshotMeta {
  const lists = { votersOutgoing: [], learners: [], learnersNext: [] };
  return { index, term, confState: { voters: [1, 2, 3], autoLeave: false, ...lists } };
}

async function open(disk: MemoryDisk, segmentBytes = 1 << 20, clusterId = CLUSTER) {
  return RaftLogStore.open(DIRECTORY, { clusterId, segmentBytes, disk });
}

async function reopen(disk: MemoryDisk): Promise<RestoredLog & { warnings: string[] }> {
  const { store, restored, warnings } = await open(disk);
  await store.close();
  return { ...restored, warnings };
}

function terms({ entries }: RestoredLog): string {
  return entries.map(({ term, index }) => `${term}/${index}`).join(' ');
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as StorageError).code;
  }
  return 'none';
}

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
    expect(disk.durable.get(`${DIRECTORY}/${FIRST}`)?.length).toBeLessThan(60);
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
    await store.append({ entries: [entry(10, 4)] });
    await store.close();
    // A segment of which only the header was finished.
    const names = disk.names();
    const last = names.at(-1)!;
    const header = disk.bytes(DIRECTORY, last).subarray(0, 29 + CLUSTER.length + 4);
    disk.put(`${DIRECTORY}/${last}`, header);
    const again = await open(disk, 200);
    await again.store.append({ entries: [entry(10, 4)] });
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

describe('a crash in the middle of a write', () => {
  it('at any byte costs that write only', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    await store.append({ hardState: { term: 1, vote: 1, commit: 0 }, entries: entries(1, 3) });
    const sound = disk.bytes(DIRECTORY, FIRST).length;
    await store.append({ entries: entries(4, 5) });
    const whole = Buffer.from(disk.bytes(DIRECTORY, FIRST));
    for (let length = sound; length < whole.length; length += 1) {
      const cut = new MemoryDisk();
      cut.put(`${DIRECTORY}/${FIRST}`, whole.subarray(0, length));
      const { store: again, restored, warnings } = await open(cut);
      expect(terms(restored)).toBe('1/1 1/2 1/3');
      expect(warnings).toHaveLength(length === sound ? 0 : 1);
      await again.append({ entries: [entry(4, 2)] });
      const found = await reopen(cut.afterPowerCut());
      expect(terms(found)).toBe('1/1 1/2 1/3 2/4');
      expect(found.warnings).toEqual([]);
    }
  });

  it('that makes the store leaves nothing to mend by hand', async () => {
    const disk = new MemoryDisk();
    await (await open(disk)).store.close();
    const header = Buffer.from(disk.bytes(DIRECTORY, FIRST));
    for (let length = 0; length < header.length; length += 1) {
      const cut = new MemoryDisk();
      cut.put(`${DIRECTORY}/${FIRST}`, header.subarray(0, length));
      expect((await reopen(cut)).warnings).toHaveLength(1);
    }
  });
});

async function written(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { store } = await open(disk, 250);
  for (let index = 1; index <= 12; index += 1) await store.append({ entries: [entry(index)] });
  await store.close();
  return disk;
}

describe('damage', () => {
  it('of any byte before the last write is told, by file and place, and nothing changed', async () => {
    const whole = await written();
    const last = whole.names().at(-1)!;
    let lastFrame = 0;
    for (const name of whole.names()) {
      const length = whole.bytes(DIRECTORY, name).length;
      for (let at = 0; at < length; at += 1) {
        const disk = whole.copy();
        disk.bytes(DIRECTORY, name)[at]! ^= 0x10;
        const before = disk.names().map((each) => disk.bytes(DIRECTORY, each).toString('hex'));
        const result = await open(disk).catch((error: unknown) => error);
        if (!(result instanceof StorageError)) {
          // Only the last write cannot be told from one that was not finished.
          expect(name).toBe(last);
          lastFrame = Math.max(lastFrame, length - at);
          continue;
        }
        const isVersion = at >= 8 && at < 12;
        expect(result.code).toBe(isVersion ? 'newer-version' : 'damaged');
        expect(result.message).toContain(name);
        const after = disk.names().map((each) => disk.bytes(DIRECTORY, each).toString('hex'));
        expect(after).toEqual(before);
      }
    }
    expect(lastFrame).toBeGreaterThan(0);
    expect(lastFrame).toBeLessThan(60);
  });

  it('is a missing segment, a missing snapshot and a broken one', async () => {
    const gap = await written();
    gap.files.delete(`${DIRECTORY}/${gap.names()[1]}`);
    expect(await codeOf(open(gap))).toBe('damaged');
    const disk = new MemoryDisk();
    const { store } = await open(disk, 200);
    for (let index = 1; index <= 12; index += 1) await store.append({ entries: [entry(index)] });
    await store.saveSnapshot(meta(9), Buffer.from('state'));
    await store.close();
    const name = disk.names().find((each) => each.endsWith('.snap'))!;
    const broken = disk.copy();
    const bytes = broken.bytes(DIRECTORY, name);
    bytes[bytes.length - 1]! ^= 1;
    expect(await codeOf(open(broken))).toBe('damaged');
    const missing = disk.copy();
    missing.files.delete(`${DIRECTORY}/${name}`);
    expect(await codeOf(open(missing))).toBe('damaged');
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

  it('is not hidden when a new segment does not fit', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk, 100);
    await store.append({ entries: entries(1, 5) });
    disk.failing = (what, name) => (what === 'write' && name !== FIRST ? 'ENOSPC' : undefined);
    expect(await codeOf(store.append({ entries: [entry(6)] }))).toBe('disk-full');
    await store.close();
    disk.failing = () => undefined;
    expect(terms(await reopen(disk))).toBe('1/1 1/2 1/3 1/4 1/5');
  });
});

describe('files of others', () => {
  it('are refused by cluster and by version', async () => {
    const disk = new MemoryDisk();
    await (await open(disk)).store.close();
    expect(await codeOf(open(disk, 1000, 'swarm-2'))).toBe('other-cluster');
    disk.bytes(DIRECTORY, FIRST).writeUInt32LE(2, 8);
    expect(await codeOf(open(disk))).toBe('newer-version');
  });
});
