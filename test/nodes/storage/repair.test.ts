/** Lost entries: how they are told by what is left, and how they are filled again. */
import { describe, expect, it } from 'vitest';
import type { Entry } from '../../../consensus/raft/index.js';
import { StorageError } from '../../../nodes/storage/index.js';
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

const HARD_STATE = { term: 5, vote: 2, commit: 0 };

/** A log with one write, thus one frame, for each list of `term/index`. */
async function logOf(...writes: string[]): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  for (const write of writes) {
    const list = write.split(' ').map((each) => {
      const [term, index] = each.split('/').map(Number) as [number, number];
      return entry(index, term);
    });
    await store.append({ hardState: HARD_STATE, entries: list });
  }
  await store.close();
  return disk;
}

/** Of a frame: what is overwritten with noise, or, in capitals, with zeros. */
type What = 'slot' | 'frame' | 'head' | 'records' | 'SLOT' | 'FRAME' | 'RECORDS';

function lose(disk: MemoryDisk, ...losses: [frame: number, ...What[]][]): void {
  const bytes = disk.bytes(DIRECTORY, FIRST);
  const frames = framesAt(bytes);
  for (const [frame, ...what] of losses) {
    const { slot, offset, bytes: length } = frames[frame]!;
    const places: Record<What, readonly [number, number, number]> = {
      head: [0xee, offset, offset + 80],
      records: [0xee, offset + 80, offset + length],
      frame: [0xee, offset, offset + length],
      slot: [0xee, slot, slot + 64],
      RECORDS: [0, offset + 80, offset + length],
      FRAME: [0, offset, offset + length],
      SLOT: [0, slot, slot + 64],
    };
    for (const each of what) bytes.fill(...places[each]);
  }
}

async function read(disk: MemoryDisk): Promise<string> {
  try {
    const { store, restored } = await open(disk);
    await store.close();
    return terms(restored);
  } catch (error) {
    return (error as StorageError).code;
  }
}

describe('what a lost frame held follows from', () => {
  // Which frames of these writes lose what, and what is read then.
  const table: Record<string, { log: string[]; lose: [number, ...What[]][]; read: string }> = {
    'its slot': {
      log: ['1/1 1/2', '2/3 2/4', '3/5'],
      lose: [[1, 'frame']],
      read: '1/1 1/2 2/3? 2/4? 3/5',
    },
    'its slot at the end': {
      log: ['1/1 1/2', '2/3 2/4'],
      lose: [[1, 'frame']],
      read: '1/1 1/2 2/3? 2/4?',
    },
    'its head, if the slot is lost': {
      log: ['1/1 1/2', '2/3 2/4'],
      lose: [[1, 'slot']],
      read: '1/1 1/2 2/3 2/4',
    },
    'its records, if the head is lost': {
      log: ['1/1 1/2', '2/3 2/4'],
      lose: [[1, 'head']],
      read: '1/1 1/2 2/3 2/4',
    },
    'the head of the next one, if the terms are equal': {
      log: ['1/1 1/2', '1/3 1/4', '3/5'],
      lose: [[1, 'slot', 'frame']],
      read: '1/1 1/2 1/3? 1/4? 3/5',
    },
    'the slot of the next one, if the terms are equal': {
      log: ['1/1 1/2', '1/3 1/4', '1/5 1/6', '3/7'],
      lose: [
        [1, 'slot', 'frame'],
        [2, 'head'],
      ],
      read: '1/1 1/2 1/3? 1/4? 1/5 1/6 3/7',
    },
    'the same when zeros are there: only what is in the last batch was not synced': {
      log: ['1/1 1/2', '1/3 1/4', '3/5'],
      lose: [[1, 'SLOT', 'FRAME']],
      read: '1/1 1/2 1/3? 1/4? 3/5',
    },
    'the head alone, before the last batch': {
      log: ['1/1 1/2', '2/3 2/4', '3/5'],
      lose: [[1, 'SLOT', 'RECORDS']],
      read: '1/1 1/2 2/3? 2/4? 3/5',
    },
    'the head of the next one in the last batch, unless zeros say that it was not synced': {
      log: ['1/1 1/2', '1/3 2/4'],
      lose: [[1, 'SLOT', 'frame']],
      read: '1/1 1/2 1/3? 2/4',
    },
    'nothing, if the terms are not': {
      log: ['1/1 1/2', '2/3 2/4', '3/5'],
      lose: [[1, 'slot', 'frame']],
      read: 'damaged',
    },
    'nothing at the end, where the vote is': {
      log: ['1/1 1/2', '1/3 1/4'],
      lose: [[1, 'slot', 'frame']],
      read: 'damaged',
    },
    'nothing at the end, though zeros are in its place, if its slot is no zeros': {
      log: ['1/1 1/2', '1/3 1/4'],
      lose: [[1, 'slot', 'FRAME']],
      read: 'damaged',
    },
    'its head at the end, if its records are no zeros': {
      log: ['1/1 1/2', '1/3 1/4'],
      lose: [[1, 'SLOT', 'records']],
      read: '1/1 1/2 1/3? 1/4?',
    },
    'nothing, and need not, if it was replaced': {
      log: ['1/1 1/2', '2/3 2/4', '3/1 3/2 3/3'],
      lose: [[1, 'slot', 'frame']],
      read: '3/1 3/2 3/3',
    },
    'nothing, though the log came back to what it had been': {
      log: ['1/1 1/2', '2/2 2/3', '1/2 1/3', '1/4'],
      lose: [[1, 'slot', 'frame']],
      read: 'damaged',
    },
    'the head of the next one, if the log had become shorter': {
      log: ['1/1 1/2 1/3', '1/2', '5/3'],
      lose: [[1, 'slot', 'frame']],
      read: '1/1 1/2 5/3',
    },
  };
  for (const [what, { log, lose: losses, read: expected }] of Object.entries(table)) {
    it(what, async () => {
      const disk = await logOf(...log);
      lose(disk, ...losses);
      expect(await read(disk)).toBe(expected);
      // And again from what was mended.
      expect(await read(disk)).toBe(expected);
    });
  }

  it('its slot, if another record of it was written over one', async () => {
    const disk = await logOf('1/1 1/2', '2/3 2/4', '3/5');
    const bytes = disk.bytes(DIRECTORY, FIRST);
    const { offset } = framesAt(bytes)[1]!;
    bytes.copy(bytes, offset + 80 + 34, offset + 80, offset + 80 + 34);
    expect(await read(disk)).toBe('1/1 1/2 2/3 2/4? 3/5');
  });

  it('its slot in a wrong place, from which it is only known that it was', async () => {
    const disk = await logOf('1/1 1/2', '2/3 2/4');
    const bytes = disk.bytes(DIRECTORY, FIRST);
    const { slot } = framesAt(bytes)[1]!;
    bytes.copy(bytes, slot + 3 * 64, slot, slot + 64);
    lose(disk, [1, 'SLOT', 'FRAME']);
    expect(await read(disk)).toBe('damaged');
  });

  it('the snapshot, if that covers it', async () => {
    const disk = await logOf('1/1 1/2', '2/3 2/4', '3/5');
    const { store } = await open(disk);
    await store.saveSnapshot(meta(4, 2), Buffer.from('s'));
    await store.append({ entries: [entry(6, 3)] });
    await store.close();
    lose(disk, [1, 'slot', 'frame']);
    expect(await read(disk)).toBe('3/5 3/6');
  });

  it('the commit index, up to which nothing was replaced', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    const hardState = { term: 5, vote: 2, commit: 2 };
    await store.append({ hardState: { ...hardState, commit: 0 }, entries: entries(1, 2) });
    await store.append({ hardState, entries: entries(3, 4, 2) });
    await store.append({ hardState, entries: entries(3, 3, 4) });
    await store.append({ hardState: { ...hardState, commit: 3 }, entries: entries(4, 4, 4) });
    await store.close();
    lose(disk, [2, 'slot', 'frame']);
    expect(await read(disk)).toBe('1/1 1/2 4/3? 4/4');
  });

  it('not the commit index behind it, which counts in a log that is not known', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    await store.append({ hardState: HARD_STATE, entries: entries(1, 4) });
    await store.append({ hardState: HARD_STATE, entries: entries(3, 4, 4) });
    await store.append({ hardState: { ...HARD_STATE, commit: 3 }, entries: [] });
    await store.append({ hardState: { ...HARD_STATE, commit: 3 }, entries: [entry(5, 5)] });
    await store.close();
    lose(disk, [1, 'slot', 'frame'], [2, 'head']);
    expect(await read(disk)).toBe('damaged');
  });
});

describe('what a gap held is not guessed', () => {
  it('at the end, though the last hard state is there', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    await store.append({ hardState: HARD_STATE, entries: entries(1, 2) });
    await store.append({ entries: entries(3, 4) });
    await store.append({ hardState: { ...HARD_STATE, term: 6 }, entries: [] });
    await store.close();
    const other = disk.copy();
    lose(other, [1, 'slot', 'frame']);
    expect(await read(other)).toBe('1/1 1/2 1/3? 1/4?');
    lose(disk, [1, 'slot', 'frame'], [2, 'head']);
    expect(await read(disk)).toBe('damaged');
  });

  it('at the end of a segment without its seal', async () => {
    const disk = await twoSegments([entry(6, 3)]);
    const second = disk.bytes(DIRECTORY, SECOND);
    lose(disk, [1, 'slot', 'frame'], [2, 'slot', 'frame']);
    expect(await read(disk.copy())).toBe('damaged');
    const { offset } = framesAt(second)[0]!;
    second.fill(0xee, offset, offset + 80);
    expect(await read(disk)).toBe('damaged');
  });

  it('before the first segment that is there', async () => {
    const disk = await twoSegments([], 3);
    disk.files.delete(`${DIRECTORY}/${FIRST}`);
    // The head of the first frame says that there were entries behind the snapshot.
    expect(await read(disk.copy())).toBe('damaged');
    const second = disk.bytes(DIRECTORY, SECOND);
    const { offset } = framesAt(second)[0]!;
    second.fill(0xee, offset, offset + 80);
    expect(await read(disk)).toBe('damaged');
    second.fill(0, 8192);
    expect(await read(disk)).toBe('damaged');
  });
});

const SECOND = 'log-00000000000002.wal';

/** Entries 1 to 8 of term 1 and then 5 of term 2 in one segment; in the next one what is given. */
async function twoSegments(next: Entry[], snapshotIndex?: number): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { store } = await open(disk, 450);
  await store.append({ hardState: HARD_STATE, entries: entries(1, 8) });
  await store.append({ entries: [entry(5, 2)] });
  await new Promise((resolve) => setImmediate(resolve));
  if (snapshotIndex !== undefined) await store.saveSnapshot(meta(snapshotIndex), Buffer.from('s'));
  if (next.length > 0) await store.append({ entries: next });
  await store.close();
  expect(framesAt(disk.bytes(DIRECTORY, FIRST))).toHaveLength(3);
  expect(framesAt(disk.bytes(DIRECTORY, SECOND))).toHaveLength(1);
  return disk;
}

describe('a repair', () => {
  it('fills a lost entry for good, and replaces nothing', async () => {
    const disk = await logOf('1/1 1/2', '2/3 2/4', '3/5');
    lose(disk, [1, 'frame']);
    const { store, restored } = await open(disk);
    expect(terms(restored)).toBe('1/1 1/2 2/3? 2/4? 3/5');
    await store.append({ entries: [entry(6, 3)], repaired: [entry(4, 2)] });
    await store.append({ entries: [], repaired: [entry(3, 2)] });
    await store.close();
    const found = await reopen(disk.afterPowerCut());
    expect(terms(found)).toBe('1/1 1/2 2/3 2/4 3/5 3/6');
    expect(found.entries.map(({ data }) => Buffer.from(data).toString()).join()).toBe(
      'e1,e2,e3,e4,e5,e6',
    );
    expect(found.hardState).toEqual(HARD_STATE);
  });

  it('of an entry that is there changes nothing', async () => {
    const disk = await logOf('1/1 1/2', '2/3 2/4');
    const { store } = await open(disk);
    const other = { ...entry(3, 2), data: Buffer.from('another') };
    await store.append({ entries: [], repaired: [entry(2), other, entry(4, 1)] });
    await store.close();
    const found = await reopen(disk);
    expect(terms(found)).toBe('1/1 1/2 2/3 2/4');
    expect(Buffer.from(found.entries[2]!.data).toString()).toBe('e3');
  });

  it('of another term does not fill a lost entry', async () => {
    const disk = await logOf('1/1 1/2', '2/3 2/4', '3/5');
    lose(disk, [1, 'frame']);
    const { store } = await open(disk);
    await store.append({ entries: [], repaired: [entry(3, 1), entry(4, 2)] });
    await store.close();
    expect(await read(disk)).toBe('1/1 1/2 2/3? 2/4 3/5');
  });

  it('is itself replaced by what is written later, and lost again like anything else', async () => {
    const disk = await logOf('1/1 1/2', '2/3 2/4', '3/5');
    lose(disk, [1, 'frame']);
    const { store } = await open(disk);
    await store.append({ entries: [], repaired: entries(3, 4, 2) });
    const repaired = disk.copy();
    await store.append({ entries: [entry(4, 6)] });
    await store.close();
    expect(await read(disk)).toBe('1/1 1/2 2/3 6/4');
    lose(repaired, [3, 'frame']);
    expect(await read(repaired)).toBe('1/1 1/2 2/3? 2/4? 3/5');
    lose(repaired, [3, 'slot']);
    expect(await read(repaired)).toBe('damaged');
  });

  it('keeps its segment until a snapshot covers its entries', async () => {
    const disk = new MemoryDisk();
    const first = await open(disk, 400);
    await first.store.append({ hardState: HARD_STATE, entries: entries(1, 8) });
    await first.store.append({ entries: entries(9, 10) });
    await first.store.close();
    const [name] = disk.names();
    const bytes = disk.bytes(DIRECTORY, name!);
    const { offset } = framesAt(bytes)[0]!;
    bytes.fill(0xee, offset + 80 + 34 * 6, offset + 80 + 34 * 8);
    const { store, restored } = await open(disk, 400);
    expect(terms(restored)).toBe('1/1 1/2 1/3 1/4 1/5 1/6 1/7? 1/8? 1/9 1/10');
    await store.append({ entries: [], repaired: entries(7, 8) });
    for (let index = 11; index <= 60; index += 1) await store.append({ entries: [entry(index)] });
    await store.saveSnapshot(meta(7), Buffer.from('s'));
    expect((await reopen(disk.copy())).entries.every(({ type }) => type === 'normal')).toBe(true);
    await store.saveSnapshot(meta(58), Buffer.from('s'));
    expect(disk.names()).not.toContain(FIRST);
    await store.close();
    expect(await codeOf(open(disk))).toBe('none');
  });
});

describe('promises of appends', () => {
  it('resolve in the order of the calls, each after the sync of its last frame', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk, 2000);
    const order: number[] = [];
    // More terms in one call than frames under one sync.
    const many = Array.from({ length: 150 }, (_, at) => entry(at + 1, at + 1));
    const appends = [
      store.append({ hardState: HARD_STATE, entries: many }),
      store.append({ entries: [entry(151, 150)] }),
      store.saveSnapshot(meta(20, 20), Buffer.from('s')),
      store.append({ entries: [entry(152, 150)], repaired: [entry(30, 30)] }),
      store.append({ hardState: { ...HARD_STATE, commit: 150 }, entries: [] }),
    ];
    await Promise.all(
      appends.map((append, at) =>
        append.then(async () => {
          if (at === 2) return;
          order.push(at);
          const { entries: found } = await reopen(disk.afterPowerCut());
          expect(found.at(-1)!.index).toBeGreaterThanOrEqual([150, 151, 0, 152, 152][at]!);
        }),
      ),
    );
    expect(order).toEqual([0, 1, 3, 4]);
    await store.close();
    expect((await reopen(disk.afterPowerCut())).hardState.commit).toBe(150);
  });
});
