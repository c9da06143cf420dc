/** The releases that a data directory may run. */
import { execFile } from 'node:child_process';
import { mkdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { z } from 'zod';

import { NodeError, messageOf } from '../errors.js';
import { StorageError, lockDirectory } from '../storage/index.js';
import { makeSupervisorFolder, readRecord, readReleases, writeReleases } from './files.js';
import type { KnownRelease, ReleaseFiles } from './files.js';
import { MAIN_FILE, identify, ownFolder, ownRelease } from './identity.js';
import type { Release } from './identity.js';
import {
  LOCK_RETRY_MS,
  PROBE_BYTES_MAX,
  PROBE_TIMEOUT_MS,
  REHEARSAL_TIMEOUT_MS,
  RELEASES_MAX,
} from './limits.js';
import { CHANNEL_VERSION } from './messages.js';
import { lessUrgent } from './urgency.js';

const LOCK_TIMEOUT_MS = 5_000;

const probeAnswer = z.object({
  name: z.string().min(1).max(200),
  digest: z.string().length(64),
  commandVersion: z.number().int().positive(),
  channelVersion: z.number().int(),
});

/** What `release probe` prints of this release. */
export async function probe(): Promise<Release & { readonly channelVersion: number }> {
  return { ...(await ownRelease()), channelVersion: CHANNEL_VERSION };
}

/**
 * Adds the release in a folder, after it has been run once and said what it is.
 * @throws NodeError `refused` when the folder holds none, or one that does not run here.
 */
export async function addRelease(files: ReleaseFiles, folder: string): Promise<KnownRelease> {
  const path = await realpath(folder).catch((error: unknown) => {
    throw new NodeError('refused', `${folder} cannot be used: ${messageOf(error)}`, error);
  });
  const identity = await identify(path);
  const said = await askRelease(path);
  if (said.digest !== identity.digest) {
    throw new NodeError(
      'refused',
      `the files of ${path} change meanwhile; try again when they are whole`,
    );
  }
  if (said.channelVersion !== CHANNEL_VERSION) {
    throw new NodeError(
      'refused',
      `${said.name} speaks version ${said.channelVersion} with its supervisor, this release speaks ` +
        `version ${CHANNEL_VERSION}; add it with a release that speaks both`,
    );
  }
  return register(files, { ...said, path }, true);
}

/** Adds the release that this process runs. */
export async function addOwnRelease(files: ReleaseFiles): Promise<KnownRelease> {
  // Its files are there already: what was there before is lost, and the record is mended for that.
  return register(files, { ...(await ownRelease()), path: await realpath(ownFolder()) }, false);
}

async function register(
  files: ReleaseFiles,
  { name, digest, commandVersion, path }: Release & { readonly path: string },
  keepsNeeded: boolean,
): Promise<KnownRelease> {
  return withRegistry(files, async (known) => {
    const found = known.find((one) => one.name === name);
    if (found !== undefined && found.digest !== digest) {
      throw new NodeError('refused', `another release is known as ${name} (${found.digest})`);
    }
    if (found?.path === path) return { releases: known, result: found };
    const added = { name, digest, commandVersion, path, addedAtMs: Date.now() };
    if (keepsNeeded) await requireNotNeeded(files, known, name, path);
    // In one folder is one release: what was there before cannot be started any more.
    const others = known.filter((one) => one.name !== name && one.path !== path);
    if (others.length >= RELEASES_MAX) {
      throw new NodeError('refused', `${RELEASES_MAX} releases are known; remove one first`);
    }
    return { releases: [...others, added], result: added };
  });
}

/** The entry of a release that runs, or may have to, is not dropped for another in its folder. */
async function requireNotNeeded(
  files: ReleaseFiles,
  known: readonly KnownRelease[],
  name: string,
  path: string,
): Promise<void> {
  const record = await readRecord(files);
  const needed = known.find(
    (one) =>
      one.path === path &&
      one.name !== name &&
      (one.name === record?.current || one.name === record?.fallback),
  );
  if (needed === undefined) return;
  throw new NodeError(
    'refused',
    `${path} holds ${name} now, and ${needed.name} is needed still: it runs here, or the node may have to ` +
      `go back to it. Bring back its files, and give ${name} a folder of its own`,
  );
}

/** Forgets a release; its files stay, unless they came from another machine. */
export async function removeRelease(files: ReleaseFiles, name: string): Promise<KnownRelease> {
  const removed = await withRegistry(files, async (known) => {
    const found = known.find((one) => one.name === name);
    if (found === undefined) throw unknownRelease(files, name, known);
    const record = await readRecord(files);
    if (record?.current === name) {
      throw new NodeError(
        'refused',
        `${name} is the release that runs here; switch to another first`,
      );
    }
    if (record?.fallback === name) {
      throw new NodeError('refused', `the node may have to go back to ${name}; it is needed still`);
    }
    return { releases: known.filter((one) => one !== found), result: found };
  });
  // What came from another machine is nobody's but this directory's.
  const builds = await realpath(files.builds).catch(() => undefined);
  if (builds !== undefined && removed.path === join(builds, removed.digest)) {
    await rm(removed.path, { recursive: true, force: true });
  }
  return removed;
}

export async function findRelease(files: ReleaseFiles, name: string): Promise<KnownRelease> {
  const known = await readReleases(files);
  const found = known.find((one) => one.name === name);
  if (found === undefined) throw unknownRelease(files, name, known);
  return found;
}

function unknownRelease(
  files: ReleaseFiles,
  name: string,
  known: readonly KnownRelease[],
): NodeError {
  const names = known.map((one) => one.name).join(', ');
  return new NodeError(
    'refused',
    `${files.root} knows no release ${name} (but ${names === '' ? 'none' : names}); add it with ` +
      `'agentic-flow release add PATH --data ${files.root}'`,
  );
}

/** One process at a time changes the list. */
async function withRegistry<T>(
  files: ReleaseFiles,
  change: (known: KnownRelease[]) => Promise<{ releases: KnownRelease[]; result: T }>,
): Promise<T> {
  await makeSupervisorFolder(files);
  await mkdir(files.registryLock, { recursive: true });
  const deadlineMs = performance.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    try {
      const lock = lockDirectory(files.registryLock);
      try {
        const known = await readReleases(files);
        const { releases, result } = await change(known);
        if (releases !== known) await writeReleases(files, releases);
        return result;
      } finally {
        lock.release();
      }
    } catch (error) {
      const isBusy = error instanceof StorageError && error.code === 'locked';
      if (!isBusy || performance.now() > deadlineMs) throw error;
      await sleep(LOCK_RETRY_MS);
    }
  }
}

/**
 * Runs the command line of a release so far that it says what it is. A rehearsal runs a node of it, in
 * a directory of its own.
 * @throws NodeError `refused` when it cannot do that here, `stopped` when it took too long.
 */
export async function askRelease(
  folder: string,
  { isRehearsal = false, signal }: { isRehearsal?: boolean; signal?: AbortSignal } = {},
): Promise<z.infer<typeof probeAnswer>> {
  const rehearse = isRehearsal ? ['--rehearse'] : [];
  const timeoutMs = isRehearsal ? REHEARSAL_TIMEOUT_MS : PROBE_TIMEOUT_MS;
  const args = [
    ...process.execArgv,
    join(folder, MAIN_FILE),
    'release',
    'probe',
    '--json',
    ...rehearse,
  ];
  let stdout: string;
  let urge: (() => void) | undefined;
  try {
    const asked = promisify(execFile)(process.execPath, args, {
      timeout: timeoutMs,
      maxBuffer: PROBE_BYTES_MAX,
      killSignal: 'SIGKILL',
      ...(signal === undefined ? {} : { signal }),
    });
    if (isRehearsal) urge = lessUrgent(asked.child.pid);
    ({ stdout } = await asked);
  } catch (error) {
    const isLate = error instanceof Error && 'killed' in error && error.killed === true;
    if (isLate) {
      const late = `the release in ${folder} did not answer within ${timeoutMs} ms`;
      throw new NodeError('stopped', late, error);
    }
    throw new NodeError(
      'refused',
      `the release in ${folder} does not run here: ${lastLine(error)}`,
      error,
    );
  } finally {
    urge?.();
  }
  try {
    return probeAnswer.parse(JSON.parse(stdout));
  } catch (error) {
    throw new NodeError(
      'refused',
      `the release in ${folder} does not say what it is: ${messageOf(error).slice(0, 500)}`,
    );
  }
}

/** Of what a command printed before it failed. */
function lastLine(error: unknown): string {
  const printed = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  const text = printed === '' ? messageOf(error) : (printed.split('\n').at(-1) ?? '');
  return text.slice(0, 500);
}
