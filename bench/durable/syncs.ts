/** How often a process asks the system to write through to the disk, counted by strace. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Files that there are not; looking for them shows where the counted part begins and ends. */
export const MARKS = {
  start: '/agentic-flow-bench-start',
  end: '/agentic-flow-bench-end',
} as const;

const SYNCS = 'fsync,fdatasync,msync,sync_file_range,syncfs,sync';
const LOOKS = '?access,?faccessat,?faccessat2,?stat,?newfstatat,?statx';
const COUNT_MS_MAX = 300_000;

/** The sentence that says why nothing can be counted here. */
export function cannotCount(): string | undefined {
  const { status } = spawnSync('strace', ['-V'], { stdio: 'ignore' });
  return status === 0 ? undefined : 'strace is not installed, so syncs are not counted';
}

/** Calls between the marks, by all threads of a script, written to `tracePath` on the way. */
export function countSyncs(script: readonly string[], tracePath: string): number {
  const trace = ['-f', '-qq', '-o', tracePath, '-e', `trace=${SYNCS},${LOOKS}`];
  const run = spawnSync('strace', [...trace, process.execPath, ...script], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: COUNT_MS_MAX,
  });
  if (run.status !== 0) {
    throw new Error(`strace ended with ${run.status}: ${run.stderr.toString().slice(0, 500)}`);
  }
  return syncsBetweenMarks(readFileSync(tracePath, 'utf8'));
}

/** A call that another thread interrupted has two lines, of which the first counts. */
export function syncsBetweenMarks(trace: string): number {
  const start = trace.indexOf(MARKS.start);
  const end = trace.indexOf(MARKS.end);
  if (start < 0 || end < start) throw new Error('the trace does not show both marks');
  const calls = new RegExp(`^\\d+\\s+(${SYNCS.replaceAll(',', '|')})\\(`, 'gm');
  return [...trace.slice(start, end).matchAll(calls)].length;
}
