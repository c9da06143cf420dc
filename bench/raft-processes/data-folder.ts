import { mkdtempSync, readFileSync, realpathSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `statfs` type of tmpfs: what is synced there has never seen a disk. */
const TMPFS_TYPE = 0x01021994;

/** Makes a folder for data in the temporary folder. Throws where syncing costs nothing. */
export function makeDataFolder(): string {
  if (statfsSync(tmpdir()).type === TMPFS_TYPE) {
    throw new Error(`${tmpdir()} is in memory; set TMPDIR to a folder on a disk`);
  }
  return mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
}

/** Where the data is, for whoever reads the numbers. */
export function describeDataFolder(): string {
  const folder = realpathSync(tmpdir());
  return `data on ${fileSystemOf(folder)} in ${folder}`;
}

/** Kind and device of the file system: `ext4 (/dev/sda1)`. */
function fileSystemOf(folder: string): string {
  let mounts: string;
  try {
    mounts = readFileSync('/proc/self/mounts', 'utf8');
  } catch {
    return 'an unknown file system';
  }
  const found = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point]) => point !== undefined && isBelow(folder, point))
    .sort(([, a = ''], [, b = '']) => b.length - a.length)[0];
  return found === undefined ? 'an unknown file system' : `${found[2]} (${found[0]})`;
}

function isBelow(folder: string, point: string): boolean {
  return point === '/' || folder === point || folder.startsWith(`${point}/`);
}
