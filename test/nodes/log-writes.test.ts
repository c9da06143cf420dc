import { describe, expect, it } from 'vitest';
import type { HardState, Ready } from '../../consensus/raft/index.js';
import { LogWrites } from '../../nodes/log-writes.js';
import type { LogWrite, RaftLogStore } from '../../nodes/storage/index.js';
import { entry } from '../consensus/raft/single.js';

const HARD_STATE: HardState = { term: 1, vote: 1, commit: 1 };

function ready(fields: Partial<Ready> = {}): Ready {
  return {
    entries: [],
    repaired: [],
    mustSync: false,
    messages: [],
    messagesAfterPersist: [],
    receipt: null,
    committedEntries: [],
    readStates: [],
    droppedReads: [],
    ...fields,
  };
}

/** A store whose writes end when the test says so. */
class HeldStore {
  readonly written: LogWrite[] = [];
  readonly ends: { resolve(): void; reject(error: Error): void }[] = [];

  append(write: LogWrite): Promise<void> {
    this.written.push(write);
    return new Promise((resolve, reject) => this.ends.push({ resolve, reject }));
  }
}

function setUp(): { store: HeldStore; writes: LogWrites; log: string[] } {
  const store = new HeldStore();
  const log: string[] = [];
  const failed = (error: unknown): void => void log.push(`failed ${(error as Error).message}`);
  return { store, writes: new LogWrites(store as unknown as RaftLogStore, failed), log };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('writes of a group', () => {
  it('overlap, and are reported in their order', async () => {
    const { store, writes, log } = setUp();
    writes.add(ready({ entries: [entry(1, 2)], mustSync: true }), undefined, () => log.push('a'));
    writes.add(ready({ hardState: HARD_STATE }), undefined, () => log.push('b'));
    // Nothing to write, but it may acknowledge what the first one writes.
    writes.add(ready(), undefined, () => log.push('c'));
    expect(store.written).toHaveLength(2);
    store.ends[1]!.resolve();
    await turn();
    expect(log).toEqual([]);
    store.ends[0]!.resolve();
    await writes.done();
    expect(log).toEqual(['a', 'b', 'c']);
    // Nothing is under way: at once.
    writes.add(ready(), undefined, () => log.push('d'));
    expect(log.at(-1)).toBe('d');
  });

  it('begin with the snapshot, behind which the next ones wait', async () => {
    const { store, writes, log } = setUp();
    let installed = (): void => undefined;
    const install = (): Promise<void> => {
      log.push('install');
      return new Promise((resolve) => (installed = resolve));
    };
    writes.add(ready({ entries: [entry(1, 2)] }), undefined, () => log.push('a'));
    writes.add(ready({ entries: [entry(1, 9)] }), install, () => log.push('b'));
    writes.add(ready({ entries: [entry(1, 10)] }), undefined, () => log.push('c'));
    await turn();
    expect([log, store.written.length]).toEqual([[], 1]);
    store.ends[0]!.resolve();
    await turn();
    expect([log, store.written.length]).toEqual([['a', 'install'], 1]);
    installed();
    await turn();
    store.ends[1]!.resolve();
    await turn();
    store.ends[2]!.resolve();
    await writes.done();
    expect(log).toEqual(['a', 'install', 'b', 'c']);
    expect(store.written.map(({ entries }) => entries[0]?.index)).toEqual([2, 9, 10]);
  });

  it('report nothing after one has failed', async () => {
    const { store, writes, log } = setUp();
    writes.add(ready({ entries: [entry(1, 2)] }), undefined, () => log.push('a'));
    writes.add(ready({ entries: [entry(1, 3)] }), undefined, () => log.push('b'));
    store.ends[0]!.reject(new Error('EIO'));
    store.ends[1]!.resolve();
    await writes.done();
    writes.add(ready(), undefined, () => log.push('c'));
    await writes.done();
    expect(log.every((line) => line === 'failed EIO')).toBe(true);
    expect(log.length).toBeGreaterThan(0);
  });
});
