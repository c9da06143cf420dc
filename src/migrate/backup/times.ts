/**
 * Times of files to the nanosecond. Node takes times as doubles and sets whole microseconds; `touch`
 * takes nanoseconds. So what Node cannot set exactly is set by that program, where there is one.
 */
import { spawnSync } from 'node:child_process';
import { lstatSync, lutimesSync } from 'node:fs';

const NS_PER_SECOND = 1_000_000_000n;

/**
 * Sets when a file, folder or link itself was last changed; when it was last read stays as it is to the
 * microsecond. Returns false if the time is only right to about a microsecond.
 */
export function setExactTime(path: string, mtimeNs: bigint): boolean {
  const before = lstatSync(path, { bigint: true });
  if (before.mtimeNs === mtimeNs) return true;
  lutimesSync(path, Number(before.atimeNs) / 1e9, Number(mtimeNs) / 1e9);
  if (timeOf(path) === mtimeNs) return true;
  spawnSync('touch', ['-c', '-m', '-h', '-d', isoTime(mtimeNs), path], { stdio: 'ignore' });
  return timeOf(path) === mtimeNs;
}

function timeOf(path: string): bigint {
  return lstatSync(path, { bigint: true }).mtimeNs;
}

/** In the form that POSIX gives to `touch -d`, with nine digits of the second. */
export function isoTime(mtimeNs: bigint): string {
  const fraction = ((mtimeNs % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  const seconds = (mtimeNs - fraction) / NS_PER_SECOND;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}.${fraction.toString().padStart(9, '0')}Z`;
}
