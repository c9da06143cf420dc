/**
 * A log that was cut after a crash writes new frames in the places of those that it has lost. A disk
 * that then loses the write of a new head shows the old one, whose checksum is right.
 */
import { expect, it } from 'vitest';
import type { FrameFacts } from '../../../nodes/storage/frame-format.js';
import { HEAD_BYTES, headAt } from '../../../nodes/storage/frame-format.js';
import { sameFacts } from '../../../nodes/storage/same-facts.js';
import { DIRECTORY, FIRST, entries, entry, framesAt, open, reopen, terms } from './log-fixtures.js';
import { MemoryDisk } from './memory-disk.js';

/** Bytes of the log of `base` with two frames of these terms behind it, and then a vote. */
async function longer(base: MemoryDisk, third: number, fourth: number): Promise<Buffer> {
  const disk = base.copy();
  const { store } = await open(disk);
  const hardState = { term: fourth, vote: 0, commit: 2 };
  await store.append({ hardState, entries: [entry(3, third), entry(4, fourth)] });
  await store.append({ hardState: { ...hardState, term: 5, vote: 3 }, entries: [] });
  await store.close();
  return Buffer.from(disk.bytes(DIRECTORY, FIRST));
}

it('the head of an earlier frame says nothing of the log before the later one', async () => {
  const base = new MemoryDisk();
  const { store } = await open(base);
  await store.append({ hardState: { term: 1, vote: 1, commit: 1 }, entries: entries(1, 2) });
  await store.close();
  const earlier = await longer(base, 1, 2);
  const later = await longer(base, 3, 4);
  const frames = framesAt(later);
  expect(framesAt(earlier)).toEqual(frames);
  const { offset } = frames.at(-2)!;
  expect(headAt(later, offset, later.readUInt32LE(24))?.facts.term).toBe(4);
  earlier.copy(later, offset, offset, offset + HEAD_BYTES);
  const disk = new MemoryDisk();
  disk.put(`${DIRECTORY}/${FIRST}`, later);
  expect(terms(await reopen(disk))).toBe('1/1 1/2 3/3 4/4');
});

it('every fact tells frames apart', () => {
  const facts: FrameFacts = {
    number: 1,
    offset: 2,
    bytes: 3,
    kind: 'append',
    batchPosition: 4,
    count: 5,
    first: 6,
    term: 7,
    hardState: { term: 8, vote: 9, commit: 10 },
  };
  expect(sameFacts(facts, structuredClone(facts))).toBe(true);
  for (const name of Object.keys(facts) as (keyof FrameFacts)[]) {
    const changed =
      name === 'hardState'
        ? (['term', 'vote', 'commit'] as const).map((field) => ({
            hardState: { ...facts.hardState, [field]: 0 },
          }))
        : [{ [name]: name === 'kind' ? 'repair' : 0 }];
    for (const change of changed) {
      expect(sameFacts(facts, { ...facts, ...change } as FrameFacts), name).toBe(false);
    }
  }
});
