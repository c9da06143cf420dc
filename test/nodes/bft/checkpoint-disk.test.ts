/** Checkpoints, pruning and passing over on disks that fail at any operation. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { digestOf, encodeCheckpoint } from '../../../nodes/bft/checkpoint.js';
import { DecisionLog } from '../../../nodes/bft/decision-log.js';
import { publicKeyOf } from '../../../nodes/bft/index.js';
import { CHUNK_BYTES } from '../../../nodes/bft/limits.js';
import { StorageError } from '../../../nodes/storage/index.js';
import { createIdentity } from '../../../transport/identity/index.js';
import { MemoryDisk } from '../storage/memory-disk.js';
import { Checkpointed, type CheckpointedStart, WordsApplication } from './checkpointed.js';

const directory = mkdtempSync(join(tmpdir(), 'bft-checkpoint-'));
const elsewhere = join(directory, 'elsewhere');
const identity = createIdentity();
const address = { host: '127.0.0.1', port: 1 };
const genesis = {
  chainId: 'checkpoint disk',
  checkpointsEvery: 2,
  validators: [{ publicKey: publicKeyOf(identity), weight: 1, address }],
};
const WORDS = ['a', 'b', 'c', 'd', 'e'];

afterAll(() => rmSync(directory, { recursive: true, force: true }));

type Machine = Pick<CheckpointedStart, 'application' | 'snapshots'> & { readonly disk: MemoryDisk };

function machine(retainHeights: number, disk = new MemoryDisk()) {
  return { disk, application: new WordsApplication(), snapshots: { retainHeights } };
}

function start(on: Machine, more: Partial<CheckpointedStart> = {}): Promise<Checkpointed> {
  return Checkpointed.start({ directory, identity, genesis, ...on, ...more });
}

/** Lives until the words are decided or the disk stops it; what stopped it. */
async function live(on: Machine, words: readonly string[]): Promise<unknown> {
  let made: Checkpointed;
  try {
    made = await start(on);
  } catch (error) {
    return error;
  }
  try {
    await made.decide(...words);
    if (made.failure !== null) return made.failure;
    on.disk.failing = () => undefined;
    await expectWhole(made);
    return null;
  } finally {
    await made.close();
  }
}

/** Whatever is kept can be read, and nothing is missing in between. */
async function expectWhole({ store, driver }: Checkpointed): Promise<void> {
  const { decisions, checkpoints } = store;
  expect(decisions.count).toBe(driver.decided);
  for (let height = 1; height < decisions.first; height += 1) {
    await expect(decisions.read(height - 1)).rejects.toMatchObject({ code: 'pruned' });
  }
  for (let height = decisions.first; height <= decisions.count; height += 1) {
    expect((await decisions.read(height - 1)).length).toBeGreaterThan(0);
  }
  for (const checkpoint of checkpoints.stable) {
    expect((await checkpoints.chunk(checkpoint, 0)).length).toBe(checkpoint.snapshotBytes);
  }
}

async function operationsOf(on: ReturnType<typeof machine>, run: () => Promise<unknown>) {
  const operations: string[] = [];
  on.disk.failing = (what, name) => void operations.push(`${what} ${name}`);
  expect(await run()).toBeNull();
  return operations;
}

describe('a validator that makes checkpoints', () => {
  it('deletes the decisions that are not retained, and goes on from the last checkpoint but one', async () => {
    const on = machine(1);
    expect(await live(on, WORDS)).toBeNull();
    // 2 and 4 are stable; those after 2 are kept for who fetches it.
    expect(on.disk.names().filter((name) => /decisions|checkpoint|snapshot/.test(name))).toEqual([
      'checkpoint-2',
      'checkpoint-4',
      'decisions-3',
      'decisions-5',
      'snapshot-2',
      'snapshot-4',
    ]);
    const again = await start(on);
    expect([again.driver.decided, again.store.decisions.first]).toEqual([5, 3]);
    await again.decide('f', 'g');
    expect(on.application.words).toEqual([...WORDS, 'f', 'g']);
    expect(again.store.checkpoints.stable.map(({ height }) => height)).toEqual([4, 6]);
    expect(again.store.decisions.first).toBe(5);
    await again.close();
  });

  it('keeps all decisions when nothing says otherwise, and those of the last heights', async () => {
    const all = { disk: new MemoryDisk(), application: new WordsApplication(), snapshots: {} };
    expect(await live(all, WORDS)).toBeNull();
    const one = await start(all);
    expect(one.store.decisions.first).toBe(1);
    await one.close();
    // Those after the last checkpoint but one are kept whatever is said.
    const none = machine(0);
    expect(await live(none, WORDS)).toBeNull();
    const least = await start(none);
    expect(least.store.decisions.first).toBe(3);
    await least.close();
    const three = machine(3);
    expect(await live(three, WORDS)).toBeNull();
    const other = await start(three);
    expect(other.store.decisions.first).toBe(1);
    await other.decide('f');
    // Of 4, 5 and 6 the first is in the segment of 3.
    expect(other.store.decisions.first).toBe(3);
    await other.close();
  });

  it('gives an application that has lost its state the snapshot, and what came after it', async () => {
    const on = machine(1);
    expect(await live(on, WORDS)).toBeNull();
    for (const [height, words] of [
      [0, []],
      [1, ['a']],
      [4, ['a', 'b', 'c', 'd']],
    ] as const) {
      const application = new WordsApplication();
      application.height = height;
      application.words = [...words];
      const again = await start({ ...on, application });
      expect([application.height, application.words]).toEqual([5, WORDS]);
      await again.close();
    }
  });

  it('signs nothing else for a height that is applied once more', async () => {
    const on = machine(1);
    expect(await live(on, WORDS.slice(0, 4))).toBeNull();
    const before = Buffer.from(on.disk.bytes(directory, 'checkpoint-4'));
    const application = new WordsApplication();
    application.height = 3;
    application.words = ['a', 'b', 'lie'];
    const again = await start({ ...on, application });
    expect(application.height).toBe(4);
    expect(on.disk.bytes(directory, 'checkpoint-4')).toEqual(before);
    await again.close();
  });

  it('does not decide a command twice that was decided before its checkpoint', async () => {
    const on = machine(0);
    const made = await start(on);
    await made.decide(...WORDS);
    const recent = made.mempool.recent.flatMap(([, ids]) => ids);
    await made.close();
    const again = await start({ ...on, application: new WordsApplication() });
    expect(again.mempool.recent.flatMap(([, ids]) => ids)).toEqual(recent);
    await again.close();
  });

  it('has the same files as ever where the genesis has no checkpoints', async () => {
    const disk = new MemoryDisk();
    const log = await DecisionLog.open(
      { directory, chain: new Uint8Array(32), checkpoint: 0 },
      disk,
    );
    await log.append(Buffer.from('one'));
    await log.close();
    expect(disk.names()).toEqual(['decisions']);
    expect(disk.bytes(directory, 'decisions').subarray(0, 8).toString()).toBe('AFBFTde\u0001');
    expect(disk.bytes(directory, 'decisions').subarray(8, 40)).toEqual(Buffer.alloc(32));
  });

  it('stops at any operation that fails, and goes on later with nothing lost or twice', async () => {
    const watched = machine(0);
    const done = await operationsOf(watched, () => live(watched, WORDS));
    for (const each of ['remove decisions', 'remove checkpoint-2', 'rename snapshot-4']) {
      expect(done.some((operation) => operation.startsWith(each))).toBe(true);
    }
    // What is before is what every validator does (`disk-faults.test.ts`).
    for (let at = done.indexOf('open snapshot-2.unfinished'); at < done.length; at += 1) {
      const title = `operation ${at}, ${done[at]}`;
      const on = machine(0);
      let calls = 0;
      on.disk.failing = () => (calls++ === at ? 'EIO' : undefined);
      expect(await live(on, WORDS), title).toBeInstanceOf(StorageError);
      for (const disk of [on.disk.copy(), on.disk.afterPowerCut()]) {
        const after = { ...on, disk, application: on.application.copy() };
        expect(await live(after, ['y', 'z']), title).toBeNull();
        const { words } = after.application;
        expect(words.slice(-2), title).toEqual(['y', 'z']);
        const before = words.slice(0, -2).filter((word, i) => word !== WORDS[i]);
        expect(before, title).toEqual([]);
        expect(words.length, title).toBeGreaterThanOrEqual(on.application.words.length + 2);
      }
    }
  }, 120_000);
});

describe('one that passes over to a checkpoint', () => {
  const other = createIdentity();

  /** A chain of five heights, and how its validator answers. */
  async function chainOf(times: number) {
    const on = { ...machine(0), application: new WordsApplication(1_000, times) };
    const made = await start(on);
    await made.decide(...WORDS);
    const { checkpoints } = made.store;
    const last = checkpoints.last!;
    const call = async (_: string, method: string, payload: unknown): Promise<unknown> => {
      if (method === 'bft.checkpoint') return encodeCheckpoint(last);
      return checkpoints.chunk(last, (payload as [number, number])[1]);
    };
    return { made, call, last };
  }

  it('begins with its state, whatever operation failed before', async () => {
    const { made, call, last } = await chainOf(20_000);
    expect(last.snapshotBytes).toBeGreaterThan(CHUNK_BYTES);
    const more = {
      directory: elsewhere,
      identity: other,
      call,
      others: [identity.peerId],
    };
    const run = async (on: Machine): Promise<unknown> => {
      let late: Checkpointed;
      try {
        late = await start(on, more);
      } catch (error) {
        return error;
      }
      try {
        await late.checkpointing.sync([identity.peerId], late.driver);
        if (late.failure !== null) return late.failure;
        expect([late.driver.decided, late.sets.decided, late.store.decisions.first]).toEqual([
          4, 4, 5,
        ]);
        expect(late.mempool.recent).toEqual(made.mempool.recent.filter(([height]) => height <= 4));
        return null;
      } finally {
        await late.close();
      }
    };
    const watched = machine(0);
    const done = await operationsOf(watched, () => run(watched));
    expect(watched.application.words).toEqual(WORDS.slice(0, 4));
    const from = done.indexOf('open snapshot-4.unfinished');
    expect(done.slice(from).some((each) => each === 'remove decisions')).toBe(true);
    for (let at = from; at < done.length; at += 1) {
      const title = `operation ${at}, ${done[at]}`;
      const on = machine(0);
      let calls = 0;
      on.disk.failing = () => (calls++ === at ? 'EIO' : undefined);
      expect(await run(on), title).toBeInstanceOf(StorageError);
      for (const disk of [on.disk.copy(), on.disk.afterPowerCut()]) {
        const after = { ...on, disk, application: on.application.copy() };
        expect(await run(after), title).toBeNull();
        expect(after.application.words, title).toEqual(WORDS.slice(0, 4));
        expect(after.application.height, title).toBe(4);
        expect(
          disk.names().filter((name) => name.endsWith('.unfinished')),
          title,
        ).toEqual([]);
      }
    }
    await made.close();
  }, 120_000);

  it('takes the one that is trusted, and no other', async () => {
    const { made, call, last } = await chainOf(1);
    const digest = digestOf(last);
    const wrong = Buffer.from(digest);
    wrong[0]! ^= 1;
    for (const [given, height] of [
      [wrong, 0],
      [digest, 4],
    ] as const) {
      const on = { ...machine(0), snapshots: { trusted: { height: 4, digest: given } } };
      const asked: unknown[] = [];
      const late = await start(on, {
        directory: elsewhere,
        identity: createIdentity(),
        call: (peer, method, payload) => {
          asked.push(payload);
          return call(peer, method, payload);
        },
        others: [identity.peerId],
      });
      await late.checkpointing.sync([identity.peerId], late.driver);
      expect([late.driver.decided, late.failure]).toEqual([height, null]);
      expect(asked[0]).toBe(4);
      await late.close();
    }
    await made.close();
  });

  it('tells those who wait that what became of their commands is not known', async () => {
    const { made, call } = await chainOf(1);
    const late = await start(machine(0), {
      directory: elsewhere,
      identity: other,
      call,
      others: [identity.peerId],
    });
    await late.checkpointing.sync([identity.peerId], late.driver);
    expect(late.rejected).toMatchObject([{ code: 'passed-over' }]);
    await late.close();
    await made.close();
  });
});
