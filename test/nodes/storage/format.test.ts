/** Bytes on the disk: those of version 2, and directories that version 1 wrote. */
import { describe, expect, it } from 'vitest';
import type { Entry } from '../../../consensus/raft/index.js';
import { headAt, recordHeadAt, slotAt } from '../../../nodes/storage/frame-format.js';
import { encodeFrames } from '../../../nodes/storage/segment.js';
import { encodeSegmentHeader } from '../../../nodes/storage/segment-header.js';
import { V1_FILES, V1_LOG } from './golden-v1.js';
import { CLUSTER, DIRECTORY, codeOf, entry, meta, open, reopen, terms } from './log-fixtures.js';
import { MemoryDisk } from './memory-disk.js';

const SALT = 0x01020304;
const PLAN = {
  kind: 'append',
  entries: [entry(7, 3), { ...entry(8, 3), type: 'confChange' as const }],
  first: 7,
  term: 3,
  hardState: { term: 4, vote: 2, commit: 6 },
  before: { index: 6, term: 2 },
} as const;

/** Header, frame and slot as the first release with version 2 wrote them. */
const GOLDEN = {
  header:
    '4146325257414c0a020000002c0000000500000000000000040302014000000007737761726d2d3172070951',
  frame:
    '295d6246aca5a5a59c95a5a530a5a5a5a4a4a5a5a7a5a5a5a2a5a5a5a5a5a5a5a6a5a5a5a5a5a5a5a1a5a5a5' +
    'a5a5a5a5a7a5a5a5a5a5a5a5a3a5a5a5a5a5a5a5a3a5a5a5a5a5a5a5a7a5a5a5a5a5a5a552d4dc900bacbf84' +
    '0100000002000000070000000000000003000000000000006537a395ffd99ab1001401010000020000000800' +
    '00000000000003000000000000006538a5',
  slot:
    'a34194adaca5a5a59c95a5a530a5a5a5a4a4a5a5a7a5a5a5a2a5a5a5a5a5a5a5a6a5a5a5a5a5a5a5a1a5a5a5' +
    'a5a5a5a5a7a5a5a5a5a5a5a5a3a5a5a5a5a5a5a5',
};

describe('segments of version 2', () => {
  it('have these bytes', () => {
    const header = encodeSegmentHeader({ clusterId: CLUSTER, number: 5, salt: SALT, slots: 64 });
    expect(header.length).toBe(4096);
    expect(header.subarray(44).every((byte) => byte === 0)).toBe(true);
    const { frames, slots } = encodeFrames([PLAN], SALT, 9, 12_345);
    expect({
      header: header.toString('hex', 0, 44),
      frame: frames.toString('hex'),
      slot: slots.toString('hex'),
    }).toEqual(GOLDEN);
  });

  it('say the same in slot and head, and each only in its place', () => {
    const { frames, slots } = encodeFrames([PLAN, PLAN], SALT, 9, 0);
    const slot = slotAt(slots, 64, SALT)!;
    expect(slot).toMatchObject({ number: 10, batchPosition: 1, count: 2, first: 7, term: 3 });
    expect(headAt(frames, slot.offset, SALT)).toEqual({ facts: slot, before: PLAN.before });
    expect(recordHeadAt(frames, slot.offset + 80, slot, frames.length, SALT)).toMatchObject({
      type: 'normal',
      index: 7,
      dataBytes: 2,
    });
    // Another salt, another place, one bit.
    expect(slotAt(slots, 64, SALT + 1)).toBeNull();
    expect(headAt(frames, slot.offset, SALT + 1)).toBeNull();
    expect(headAt(Buffer.concat([Buffer.alloc(1), frames]), slot.offset + 1, SALT)).toBeNull();
    for (const bytes of [frames, slots]) {
      for (let at = 64; at < 128; at += 1) {
        bytes[at]! ^= 1;
        expect(slotAt(slots, 64, SALT) === null).toBe(bytes === slots);
        bytes[at]! ^= 1;
      }
    }
  });

  it('are made of entries, not of lost ones', async () => {
    const lost: Entry = { ...entry(1), type: 'lost' };
    const plan = { ...PLAN, entries: [lost], first: 1 };
    expect(() => encodeFrames([plan], SALT, 0, 0)).toThrow('a lost entry is never written');
    const { store } = await open(new MemoryDisk());
    await expect(store.append({ entries: [lost] })).rejects.toThrow(
      'a lost entry is never written',
    );
  });
});

function v1Disk(): MemoryDisk {
  const disk = new MemoryDisk();
  for (const [name, hex] of Object.entries(V1_FILES)) {
    disk.put(`${DIRECTORY}/${name}`, Buffer.from(hex, 'hex'));
  }
  return disk;
}

const V1_LAST = Object.keys(V1_FILES).findLast((name) => name.endsWith('.wal'))!;

describe('a directory of version 1', () => {
  it('opens, and is continued in version 2', async () => {
    const disk = v1Disk();
    const { store, restored, warnings } = await open(disk);
    expect(warnings).toEqual([]);
    expect(terms(restored)).toBe(V1_LOG.terms);
    expect(restored.hardState).toEqual(V1_LOG.hardState);
    expect(restored.snapshot?.meta).toEqual(meta(4, 1));
    expect(restored.entries.map(({ data }) => Buffer.from(data).toString())).toEqual(V1_LOG.data);
    expect(restored.entries.map(({ type }) => type)).toEqual(V1_LOG.types);
    await store.append({ entries: [entry(8, 5), entry(9, 5)] });
    await store.close();
    for (const name of Object.keys(V1_FILES)) {
      expect(disk.bytes(DIRECTORY, name).toString('hex')).toBe(V1_FILES[name]);
    }
    const last = disk.names().findLast((name) => name.endsWith('.wal'))!;
    expect(disk.bytes(DIRECTORY, last).readUInt32LE(8)).toBe(2);
    const again = await open(disk.afterPowerCut());
    expect(terms(again.restored)).toBe('1/5 3/6 3/7 5/8 5/9');
    // Compaction removes segments of both.
    await again.store.saveSnapshot(meta(9, 5), Buffer.from('s'));
    await again.store.close();
  });

  it('is compacted by whole segments as before', async () => {
    const disk = v1Disk();
    const { store } = await open(disk);
    await store.saveSnapshot(meta(9, 3), Buffer.from('s'));
    await store.append({ entries: [entry(10, 3)] });
    await store.close();
    expect(disk.names().filter((name) => name in V1_FILES)).toEqual([]);
    const found = await reopen(disk);
    expect(terms(found)).toBe('3/10');
    expect(found.hardState).toEqual({ term: 3, vote: 1, commit: 9 });
  });

  it('costs a crash in its last write that write, at any byte', async () => {
    const whole = Buffer.from(V1_FILES[V1_LAST]!, 'hex');
    // The last frame holds one entry: a header of 12 bytes, one of 5, and 24.
    for (let length = whole.length - 41; length < whole.length; length += 1) {
      const disk = v1Disk();
      disk.put(`${DIRECTORY}/${V1_LAST}`, whole.subarray(0, length));
      const { store, restored, warnings } = await open(disk);
      expect(terms(restored)).toBe('1/5 3/6 3/7 3/8');
      expect(warnings).toHaveLength(length === whole.length - 41 ? 0 : 1);
      await store.append({ entries: [entry(9, 6)] });
      await store.close();
      const found = await reopen(disk.afterPowerCut());
      expect(terms(found)).toBe('1/5 3/6 3/7 3/8 6/9');
      expect(found.warnings).toEqual([]);
    }
  });

  it('that is damaged is refused, by file and place, and nothing changed', async () => {
    for (const [name, hex] of Object.entries(V1_FILES)) {
      const whole = Buffer.from(hex, 'hex');
      for (let at = 0; at < whole.length; at += 1) {
        const disk = v1Disk();
        disk.bytes(DIRECTORY, name)[at]! ^= 0x10;
        const before = disk.names().map((each) => disk.bytes(DIRECTORY, each).toString('hex'));
        const code = await codeOf(open(disk));
        if (name === V1_LAST && at >= whole.length - 41) {
          expect(code).toBe('none');
          continue;
        }
        const isVersion = at >= 8 && at < 12;
        expect(code, `byte ${at} of ${name}`).toBe(isVersion ? 'newer-version' : 'damaged');
        const after = disk.names().map((each) => disk.bytes(DIRECTORY, each).toString('hex'));
        expect(after).toEqual(before);
      }
    }
  });

  it('of which a segment is missing is refused, unless what follows says what it held', async () => {
    const disk = v1Disk();
    const { store } = await open(disk);
    await store.append({ entries: [entry(10, 3)] });
    await store.close();
    const gap = disk.copy();
    gap.files.delete(`${DIRECTORY}/log-00000000000002.wal`);
    expect(await codeOf(open(gap))).toBe('damaged');
    const end = disk.copy();
    end.files.delete(`${DIRECTORY}/${V1_LAST}`);
    expect(terms(await reopen(end))).toBe('1/5 3/6 3/7 3/8? 3/9? 3/10');
  });
});

describe('a store without its log', () => {
  it('is not taken for a new one', async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk, 700);
    await store.append({ hardState: { term: 2, vote: 1, commit: 0 }, entries: [entry(1, 2)] });
    await store.saveSnapshot(meta(1, 2), Buffer.from('s'));
    await store.close();
    const segments = disk.names().filter((name) => name.endsWith('.wal'));
    for (const name of segments) disk.files.delete(`${DIRECTORY}/${name}`);
    expect(await codeOf(open(disk))).toBe('damaged');
    // Nor is one of which only the segment is left that was prepared beside it.
    const other = new MemoryDisk();
    other.put(`${DIRECTORY}/log-00000000000002.wal.unfinished`, Buffer.alloc(100));
    expect(await codeOf(open(other))).toBe('damaged');
  });
});
