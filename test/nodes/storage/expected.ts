/** Compares what a store gives back with what a history says, and runs seeds. */
import { expect } from 'vitest';
import type { RestoredLog } from '../../../nodes/storage/index.js';
import type { Expected } from './history.js';
import type { MemoryDisk } from './memory-disk.js';

/** SEED=n runs that seed alone, SEEDS=n more or fewer of them, FIRST_SEED=n others. */
export const ONLY_SEED = process.env['SEED'];
const SEEDS = Number(process.env['SEEDS'] ?? 20);
const FIRST_SEED = Number(process.env['FIRST_SEED'] ?? 1);
const seeds = Array.from({ length: SEEDS }, (_, at) => FIRST_SEED + at);

/** Runs each seed, and names the one that failed. */
export async function eachSeed(run: (seed: number) => Promise<void>): Promise<void> {
  for (const seed of ONLY_SEED === undefined ? seeds : [Number(ONLY_SEED)]) {
    await run(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}: run again with SEED=${seed}: ${String(error)}`, {
        cause: error,
      });
    });
  }
}

/** What is wrong with a restored log, or null. */
export function difference(restored: RestoredLog, expected: Expected): string | null {
  const { hardState, snapshot, entries } = restored;
  const at = snapshot?.meta.index ?? 0;
  if (at !== expected.snapshotIndex) return `the snapshot is at ${at}`;
  const { term, vote, commit } = expected.hardState;
  if (hardState.term !== term || hardState.vote !== vote) return 'the vote is another';
  if (hardState.commit !== Math.max(commit, at)) return 'the commit index is another';
  if (entries.length !== expected.entries.length) return `it has ${entries.length} entries`;
  for (const [place, wanted] of expected.entries.entries()) {
    const { index, term: found, type, data } = entries[place]!;
    if (index !== wanted.index || found !== wanted.term) return `${found}/${index} stands there`;
    if (type === 'lost' ? data.length > 0 : Buffer.compare(data, wanted.data) !== 0) {
      return `entry ${index} holds other bytes`;
    }
    if (type !== 'lost' && type !== wanted.type) return `entry ${index} has another type`;
  }
  return null;
}

/** Indexes of the lost entries. */
export function lostOf({ entries }: RestoredLog): number[] {
  return entries.flatMap(({ type, index }) => (type === 'lost' ? [index] : []));
}

/** Names of the segments in use, in order. */
export function segmentsOf(disk: MemoryDisk): string[] {
  return disk.names().filter((name) => name.endsWith('.wal'));
}

/** What is there when the first frames of a write, one for each term, are, and the others are not. */
export function between(before: Expected, after: Expected): Expected[] {
  if (before.snapshotIndex !== after.snapshotIndex) return [];
  const hardState = { ...after.hardState, commit: before.hardState.commit };
  return after.entries.flatMap((entry, at) => {
    if (at === 0 || after.entries[at - 1]!.term === entry.term) return [];
    const entries = after.entries.slice(0, at);
    const isNew = entries.at(-1)!.term !== before.entries[at - 1]?.term;
    return isNew ? [{ ...after, hardState, entries }] : [];
  });
}

/** A state with the newest snapshot, which is in a file of its own. */
export function underSnapshot(
  state: Expected,
  { snapshotIndex, snapshotTerm }: Expected,
): Expected {
  const entries = state.entries.filter(({ index }) => index > snapshotIndex);
  const isBehind = state.hardState.term < snapshotTerm;
  const hardState = isBehind
    ? { ...state.hardState, term: snapshotTerm, vote: 0 }
    : state.hardState;
  return { hardState, snapshotIndex, snapshotTerm, entries };
}

/** That something happened more than `perSeed` times a seed, where many seeds were run. */
export function expectOften(count: number, perSeed: number): void {
  if (ONLY_SEED === undefined) expect(count).toBeGreaterThan(perSeed * SEEDS);
}
