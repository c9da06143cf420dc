import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RaftLogStore } from '../nodes/storage/index.js';
import type { Bench, Measurements } from './harness.js';

const entryBytes = 256;
const segmentBytes = 4 << 20;

/** The block device below the temporary directory, if what it is told is to be counted. */
const device = process.env['DEVICE'];

/**
 * Durable appends a second of the Raft log on the disk that holds the temporary directory: entries
 * of 256 bytes, one call each, `alone` with one call under way and `sixteen` with sixteen. With
 * DEVICE=loop0 also what that device was told for each append; nothing else should use it then.
 */
export function logBench(appendsPerRound = 6_000): Bench {
  const subject = (name: string, options: object): Bench['subjects'][number] => {
    return {
      name,
      run: async (): Promise<Measurements> => {
        const alone = await measure(appendsPerRound, 1, options);
        const sixteen = await measure(appendsPerRound * 4, 16, options);
        return {
          alone: alone.rate,
          sixteen: sixteen.rate,
          ...(device !== undefined && {
            'alone-flushes': alone.flushes,
            'alone-written': alone.kibibytes,
            'sixteen-flushes': sixteen.flushes,
            'sixteen-written': sixteen.kibibytes,
          }),
        };
      },
    };
  };
  return {
    description:
      'appends a second of the Raft log on the real disk, entries of 256 bytes, one and sixteen ' +
      'calls at a time, with and without segments that are written with zeros beforehand',
    roundsDefault: 5,
    metrics: {
      alone: '1/s',
      sixteen: '1/s',
      'alone-flushes': '/append',
      'alone-written': 'KiB/append',
      'sixteen-flushes': '/append',
      'sixteen-written': 'KiB/append',
    },
    subjects: [
      subject('preallocated', { preallocate: true }),
      subject('growing', { preallocate: false }),
    ],
    ratios: ['alone', 'sixteen'].map((metric) => {
      return { metric, subject: 'preallocated', peer: 'growing' };
    }),
  };
}

/** Writes and flushes of the device so far (Linux, Documentation/block/stat.rst). */
function deviceCounts(): { flushes: number; kibibytes: number } {
  if (device === undefined) return { flushes: 0, kibibytes: 0 };
  const fields = readFileSync(`/sys/block/${device}/stat`, 'utf8').trim().split(/\s+/).map(Number);
  return { flushes: fields[15]!, kibibytes: fields[6]! / 2 };
}

/**
 * Appends a second, and what the device was told for each. The first segment is never preallocated,
 * so it is filled before the clock.
 */
async function measure(appends: number, inFlight: number, options: object) {
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
    const before = deviceCounts();
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
    const after = deviceCounts();
    await store.close();
    return {
      rate: appends / seconds,
      flushes: (after.flushes - before.flushes) / appends,
      kibibytes: (after.kibibytes - before.kibibytes) / appends,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
