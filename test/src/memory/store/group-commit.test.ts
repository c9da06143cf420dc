import { describe, expect, it } from 'vitest';

import { MemoryError } from '../../../../src/memory/errors.js';
import { GroupCommit } from '../../../../src/memory/store/group-commit.js';
import { memoryError } from './support.js';

interface Setting {
  readonly operationsMax?: number;
  readonly delayMs?: number;
}

/** A group commit that writes down what it did. A write is its name; `bad` ones are refused. */
class Recorder {
  readonly told: string[] = [];
  syncError: Error | undefined;
  readonly commit: GroupCommit<string, string>;

  constructor({ operationsMax = 3, delayMs = 1e4 }: Setting = {}) {
    this.commit = new GroupCommit({
      operationsMax,
      delayMs,
      commit: (writes) => {
        const bad = writes.find((write) => write.startsWith('bad'));
        if (bad !== undefined) throw new Error(`${bad} is refused`);
        if (writes.includes('broken')) throw new MemoryError('io', 'the disk broke', '/store');
        this.told.push(writes.join(' '));
        return writes.map((write) => write.toUpperCase());
      },
      sync: async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (this.syncError !== undefined) throw this.syncError;
        this.told.push('sync');
      },
    });
  }

  async add(write: string, operations = 1): Promise<string> {
    const outcome = await this.commit.add(write, operations);
    this.told.push(`told ${outcome}`);
    return outcome;
  }
}

describe('a group commit', () => {
  it('writes when there are enough operations, with one sync, and tells nobody before', async () => {
    const recorder = new Recorder();
    await Promise.all(['a', 'b', 'c'].map((write) => recorder.add(write)));
    expect(recorder.told).toEqual(['a b c', 'sync', 'told A', 'told B', 'told C']);
    expect(recorder.commit.counts).toEqual({ batches: 1, operations: 3, syncs: 1 });
  });

  it('writes when the first one has waited long enough', async () => {
    const recorder = new Recorder({ delayMs: 30 });
    const startedMs = performance.now();
    await recorder.add('a');
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(29);
    expect(recorder.told).toEqual(['a', 'sync', 'told A']);
  });

  it('takes what comes during a sync as the next batch', async () => {
    const recorder = new Recorder({ operationsMax: 2, delayMs: 0 });
    const first = recorder.add('a');
    await new Promise((resolve) => setTimeout(resolve, 2));
    await Promise.all([first, recorder.add('b'), recorder.add('c'), recorder.add('d')]);
    const written = recorder.told.filter((told) => !told.startsWith('told'));
    expect(written).toEqual(['a', 'sync', 'b c', 'sync', 'd', 'sync']);
  });

  it('divides no write, however large', async () => {
    const recorder = new Recorder();
    await Promise.all([recorder.add('a'), recorder.add('large', 7), recorder.commit.flush()]);
    const written = recorder.told.filter((told) => !told.startsWith('told'));
    expect(written).toEqual(['a', 'sync', 'large', 'sync']);
  });

  it('syncs each write where a batch is one operation', async () => {
    const recorder = new Recorder({ operationsMax: 1, delayMs: 0 });
    await Promise.all(['a', 'b'].map((write) => recorder.add(write)));
    expect(recorder.commit.counts).toEqual({ batches: 2, operations: 2, syncs: 2 });
  });

  it('flushes what waits', async () => {
    const recorder = new Recorder();
    const adding = recorder.add('a');
    await recorder.commit.flush();
    expect(recorder.told).toContain('sync');
    await adding;
    await recorder.commit.flush();
  });

  it('spoils no write by another one that is refused', async () => {
    const recorder = new Recorder();
    const added = await Promise.allSettled(['a', 'bad', 'c'].map((write) => recorder.add(write)));
    expect(added.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(recorder.told.filter((told) => told === 'sync')).toHaveLength(1);
    expect(recorder.commit.refusal).toBeUndefined();
  });

  it('refuses everything after a sync that failed, though a later one would succeed', async () => {
    const recorder = new Recorder();
    await Promise.all(['a', 'b', 'c'].map((write) => recorder.add(write)));
    recorder.syncError = new MemoryError('io', 'cannot be written', '/store-wal');
    const failed = ['d', 'e', 'f'].map((write) => recorder.add(write));
    for (const adding of failed) {
      await expect(adding).rejects.toThrow(
        memoryError('closed', /cannot be written.*open it again/),
      );
    }
    recorder.syncError = undefined;
    await expect(recorder.add('g')).rejects.toThrow(memoryError('closed'));
    expect(recorder.told).not.toContain('g');
    await recorder.commit.flush();
  });

  it('refuses everything after a commit that failed on the disk, also the rest of its batch', async () => {
    const recorder = new Recorder();
    const added = ['a', 'broken', 'c'].map((write) => recorder.add(write));
    for (const adding of added) await expect(adding).rejects.toThrow(memoryError('closed'));
    expect(recorder.told).toEqual([]);
  });
});

describe('a write of a caller that cannot wait', () => {
  it('is written and synced before it returns, ahead of those that wait', async () => {
    const recorder = new Recorder();
    const waiting = recorder.add('later');
    const outcome = recorder.commit.addNow('now', 1, () => recorder.told.push('synced now'));
    expect(outcome).toBe('NOW');
    await recorder.commit.flush();
    await waiting;
    expect(recorder.told).toEqual(['now', 'synced now', 'later', 'sync', 'told LATER']);
    expect(recorder.commit.counts).toEqual({ batches: 2, operations: 2, syncs: 2 });
  });

  it('refuses all that follow once its sync has failed, but not after a write that is refused', async () => {
    const recorder = new Recorder();
    const addNow = (write: string, sync: () => void): string =>
      recorder.commit.addNow(write, 1, sync);
    expect(() => addNow('bad one', () => undefined)).toThrow('bad one is refused');
    const failing = (): never => {
      throw new MemoryError('io', 'the disk broke', '/store');
    };
    expect(() => addNow('lost', failing)).toThrow(memoryError('closed', /the disk broke/));
    expect(() => addNow('next', () => undefined)).toThrow(memoryError('closed'));
    await expect(recorder.add('another')).rejects.toThrow(memoryError('closed'));
  });
});
