/** What a simulated node takes from a disk that shows pieces of frames which were cut. */
import { expect, it } from 'vitest';
import type { Entry } from '../../../consensus/raft/index.js';
import type { FrameFacts } from '../../../nodes/storage/frame-format.js';
import { recover } from '../../../sim/raft/recovery.js';
import { dataKey, headKey, slotKey, type RaftValue } from '../../../sim/raft/stored.js';
import { SimulatedDisk } from '../../../sim/world/disk.js';

const HARD_STATE = { term: 2, vote: 2, commit: 1 };

function entry(index: number): Entry {
  return { index, term: 2, type: 'normal', data: Uint8Array.of(index) };
}

function facts(number: number, kind: FrameFacts['kind'], first: number): FrameFacts {
  const place = { number, offset: number, bytes: 1, batchPosition: 0 };
  return { ...place, kind, count: 1, first, term: 2, hardState: HARD_STATE };
}

/** A disk with frames that append entries 1 to `last`, each under its own sync. */
function diskOf(last: number): SimulatedDisk<RaftValue> {
  const disk = new SimulatedDisk<RaftValue>();
  for (let number = 1; number <= last; number += 1) {
    const own = facts(number, 'append', number);
    const before = { index: number - 1, term: number === 1 ? 0 : 2 };
    disk.write(headKey(number), { facts: own, before });
    disk.write(dataKey(number), { number, kind: 'append', entries: [entry(number)] });
    if (number < last) disk.write(slotKey(number), own);
  }
  return disk;
}

function entriesOf(disk: SimulatedDisk<RaftValue>): string[] {
  return recover(disk)!.entries.map(({ index, type }) =>
    type === 'lost' ? `${index}?` : `${index}`,
  );
}

it('entries that an earlier frame of the number repaired are not those that this one appends', () => {
  const disk = diskOf(4);
  expect(entriesOf(disk)).toEqual(['1', '2', '3', '4']);
  disk.write(dataKey(4), { number: 4, kind: 'repair', entries: [entry(2)] });
  expect(entriesOf(disk)).toEqual(['1', '2', '3', '4?']);
});

it('the slot says what a frame is where the head is one of an earlier frame', () => {
  const disk = diskOf(4);
  disk.write(dataKey(2), undefined);
  expect(entriesOf(disk)).toEqual(['1', '2?', '3', '4']);
  // Frame 4 was cut once; in its place entry 2 is repaired, and its head is lost.
  disk.write(dataKey(4), { number: 4, kind: 'repair', entries: [entry(2)] });
  disk.write(slotKey(4), facts(4, 'repair', 2));
  expect(entriesOf(disk)).toEqual(['1', '2', '3']);
});
