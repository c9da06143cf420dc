import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RaftLogStore } from '../nodes/storage/index.js';
import type { Bench, Measurements } from './harness.js';

const entryBytes = 256;
const segmentBytes = 4 << 20;

/**
 * Durable appends a second of the Raft log on the disk that holds the temporary directory: entries
 * of 256 bytes, one call each, `alone` with one call under way and `sixteen` with sixteen.
 */
export function logBench(appendsPerRound = 6_000): Bench {
  const subject = (name: string, options: object): Bench['subjects'][number] => {
    return {
      name,
      run: async (): Promise<Measurements> => {
        return {
          alone: await measure(appendsPerRound, 1, options),
          sixteen: await measure(appendsPerRound * 4, 16, options),
        };
      },
    };
  };
  return {
    description:
      'appends a second of the Raft log on the real disk, entries of 256 bytes, one and sixteen ' +
      'calls at a time, with and without segments that are written with zeros beforehand',
    roundsDefault: 5,
    metrics: { alone: '1/s', sixteen: '1/s' },
    subjects: [
      subject('preallocated', { preallocate: true }),
      subject('growing', { preallocate: false }),
    ],
    ratios: ['alone', 'sixteen'].map((metric) => {
      return { metric, subject: 'preallocated', peer: 'growing' };
    }),
  };
}

/** Appends a second. The first segment is never preallocated, so it is filled before the clock. */
async function measure(appends: number, inFlight: number, options: object): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-log-'));
  try {
    const { store } = await RaftLogStore.open(directory, {
      clusterId: 'bench',
      segmentBytes,
      ...options,
    });
    const data = new Uint8Array(entryBytes).fill(7);
    let index = 0;
    const append = (): Promise<void> => {
      index += 1;
      return store.append({ entries: [{ term: 1, index, type: 'normal', data }] });
    };
    await Promise.all(Array.from({ length: segmentBytes / entryBytes }, append));
    await append();
    const startedMs = performance.now();
    let left = appends;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await append();
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
    const seconds = (performance.now() - startedMs) / 1000;
    await store.close();
    return appends / seconds;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
