/** Sets aside what a restore is about to replace, so that nothing that v1 wrote since is lost. */
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { copyBytes, hashFile } from './copy.js';
import type { Disk } from './disk.js';
import { BackupError } from './errors.js';
import { ASIDE_DEPTH_MAX, NUMBERED_MAX } from './limits.js';
import { statOf } from './plan.js';

const UNFINISHED_NAME = '.unfinished';

/**
 * Copies a file, a link or a whole folder to `to`, durable and under its name only when it is whole.
 * Returns where it is: `to`, or `to.2`, `to.3`, ... if other bytes have that name. What was set aside
 * before a kill is recognised by its bytes.
 */
export function setAside(path: string, to: string, disk: Disk, depth = 0): string {
  const found = statOf(path);
  if (found === undefined) return to;
  if (found.isDirectory()) {
    if (depth > ASIDE_DEPTH_MAX) {
      const sentence = `${path} lies more than ${ASIDE_DEPTH_MAX} folders deep where v1 has a file; move it away`;
      throw new BackupError('invalid', sentence, path);
    }
    makeFolders(to, disk);
    for (const name of readdirSync(path)) {
      setAside(join(path, name), join(to, name), disk, depth + 1);
    }
    return to;
  }
  // Sockets and pipes hold nothing.
  if (!found.isFile() && !found.isSymbolicLink()) return to;
  makeFolders(dirname(to), disk);
  if (found.isSymbolicLink()) return setLinkAside(path, to, disk);
  const unfinished = join(dirname(to), UNFINISHED_NAME);
  if (existsSync(unfinished)) disk.unlink(unfinished);
  const sha256 = copyBytes(path, unfinished, disk, () => undefined);
  disk.chmod(unfinished, Number(found.mode & 0o777n) | 0o600);
  disk.setTime(unfinished, found.mtimeNs);
  const place = freePlace(
    to,
    (taken) => statOf(taken)?.isFile() === true && hashFile(taken) === sha256,
  );
  disk.rename(unfinished, place);
  disk.syncFolder(dirname(place));
  return place;
}

function setLinkAside(path: string, to: string, disk: Disk): string {
  const target = readlinkSync(path);
  const place = freePlace(to, (taken) => {
    return statOf(taken)?.isSymbolicLink() === true && readlinkSync(taken) === target;
  });
  if (statOf(place) === undefined) disk.symlink(target, place);
  disk.syncFolder(dirname(place));
  return place;
}

function freePlace(to: string, isSame: (taken: string) => boolean): string {
  for (let number = 1; number <= NUMBERED_MAX; number += 1) {
    const place = number === 1 ? to : `${to}.${number}`;
    if (statOf(place) === undefined || isSame(place)) return place;
  }
  const sentence = `${NUMBERED_MAX} versions of ${to} are set aside already; move that folder away`;
  throw new BackupError('exists', sentence, to);
}

/** Through the disk, so that a test that cuts the power stops here too. */
function makeFolders(folder: string, disk: Disk): void {
  if (existsSync(folder)) return;
  makeFolders(dirname(folder), disk);
  disk.mkdir(folder, 0o700);
  disk.syncFolder(dirname(folder));
}

/** Removes a file, a link or a folder with all that is in it. */
export function removeTree(path: string, disk: Disk): void {
  const found = statOf(path);
  if (found === undefined) return;
  if (!found.isDirectory()) {
    disk.unlink(path);
    return;
  }
  if ((found.mode & 0o700n) !== 0o700n) disk.chmod(path, 0o700);
  for (const name of readdirSync(path)) removeTree(join(path, name), disk);
  disk.rmdir(path);
}
