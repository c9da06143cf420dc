/** Logs on a disk in memory, and what the tests of the store ask of them. */
import type { Entry, SnapshotMeta } from '../../../consensus/raft/index.js';
import { slotAt, slotOffset } from '../../../nodes/storage/frame-format.js';
import {
  RaftLogStore,
  type RestoredLog,
  type StorageDisk,
  StorageError,
} from '../../../nodes/storage/index.js';

export const DIRECTORY = '/data';
export const FIRST = 'log-00000000000001.wal';
export const CLUSTER = 'swarm-1';

/** An entry whose data follow from index and term, as Raft promises. */
export function entry(index: number, term = 1, text = `e${index}`): Entry {
  return { term, index, type: 'normal', data: Buffer.from(text) };
}

export function entries(from: number, to: number, term = 1): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => entry(from + at, term));
}

export function meta(index: number, term = 1): SnapshotMeta {
  const lists = { votersOutgoing: [], learners: [], learnersNext: [] };
  return { index, term, confState: { voters: [1, 2, 3], autoLeave: false, ...lists } };
}

export async function open(disk: StorageDisk, segmentBytes = 1 << 12, clusterId = CLUSTER) {
  return RaftLogStore.open(DIRECTORY, { clusterId, segmentBytes, disk });
}

export async function reopen(disk: StorageDisk): Promise<RestoredLog & { warnings: string[] }> {
  const { store, restored, warnings } = await open(disk);
  await store.close();
  return { ...restored, warnings };
}

/** Entries as `term/index`, lost ones with a question mark. */
export function terms({ entries }: Pick<RestoredLog, 'entries'>): string {
  return entries
    .map(({ term, index, type }) => `${term}/${index}${type === 'lost' ? '?' : ''}`)
    .join(' ');
}

/** The code of the error with which `promise` rejects, or `none`. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof StorageError ? error.code : String(error);
  }
  return 'none';
}

/** Where the frames of a segment lie, by their slots. */
export function framesAt(bytes: Buffer): { slot: number; offset: number; bytes: number }[] {
  const [salt, slots] = [bytes.readUInt32LE(24), bytes.readUInt32LE(28)];
  return Array.from({ length: slots }, (_, number) => slotOffset(number)).flatMap((slot) => {
    const facts = slotAt(bytes, slot, salt);
    return facts === null ? [] : [{ slot, offset: facts.offset, bytes: facts.bytes }];
  });
}
